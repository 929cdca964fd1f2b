// What stands before a ResNet's four stages.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace moco {

enum class Stem {
    imagenet,  // conv 7x7 stride 2, max-pool 3x3 stride 2
    cifar,     // conv 3x3 stride 1, no max-pool
    cifar_s2,  // conv 3x3 stride 2, no max-pool
};

/// What follows the stem's convolution.
enum class StemPool { none, max_3x3_stride_2 };

/// The stem's convolution, padded by kernel / 2, and what follows it.
struct StemShape {
    int64_t kernel, stride;
    StemPool pool;
};
StemShape shape_of(Stem stem);

/// "imagenet", "cifar", "cifar-s2"; the way back ends in an Error listing them.
std::string_view name_of(Stem stem);
Stem stem_from_name(std::string_view name);
const std::vector<std::string_view>& stem_names();

}  // namespace moco
