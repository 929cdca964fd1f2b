// What a file of a ResNet holds, by torchvision's names and in PyTorch's shapes, without building one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/network.h"
#include "nn/tensor_file.h"

namespace moco {

struct ExpectedKey {
    std::string name;
    std::vector<int64_t> shape;  // in the file
    bool parameter = true;       // else a statistic of batch norm
};

/// All of a network's state, the encoder's under `""`, the head's under "fc.", in torchvision's order.
std::vector<ExpectedKey> expected_keys(const NetworkConfig& config);

/// What the names and shapes of `file`, whose names are torchvision's, say about the network: architecture, width,
/// channels, head, and whether the stem is ImageNet's. A 3x3 stem is taken for Stem::cifar. Throws Error naming the
/// file where they are no ResNet's that this program knows.
NetworkConfig config_from_shapes(const TensorFile& file);

}  // namespace moco
