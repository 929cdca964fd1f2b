// What became of each of a file's tensors, and what the network lacks.
#pragma once

#include <string>
#include <vector>

#include "moco/interchange/found_network.h"
#include "nn/network.h"

namespace moco {

enum class KeyFate {
    matched,      // as torchvision calls it
    renamed,      // called otherwise in the file
    other_shape,  // there, but of another network
    missing,      // not there
    left_over,    // not the network's
};
std::string_view name_of(KeyFate fate);

struct KeyRow {
    KeyFate fate = KeyFate::matched;
    std::string in_file, here;  // names; empty where there is none
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape, expected;  // in the file; of the network where that is another
    std::string why;                       // of what is left over: "the momentum encoder"
};

/// In the network's order, then what is left over in the file's. num_batches_tracked, which old files lack, is never
/// missing.
std::vector<KeyRow> key_report(const TensorFile& file, const FoundNetwork& found, const NetworkConfig& config);

}  // namespace moco
