// The tensors of an unpickled file under the names of the dictionaries that lead to them.
#pragma once

#include <string>
#include <vector>

#include "moco/interchange/pickle_values.h"

namespace moco {

struct NamedValue {
    std::string name;  // "state_dict.module.encoder_q.conv1.weight"; items of lists and tuples have their number
    PickleId value = 0;
};

struct PickleContents {
    std::vector<NamedValue> tensors;  // PyTorch's, and NumPy's arrays
    Metadata metadata;                // texts and numbers of the outermost dictionary: "epoch", "arch"
};

/// Throws Error naming `path` where the values lie in more than 24 dictionaries, or are a million.
PickleContents contents_of(const PickleGraph& graph, const std::string& path);

}  // namespace moco
