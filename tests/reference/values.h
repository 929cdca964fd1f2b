// The naive reference: every op in double, loops as the definition writes them, forward and backward. Finite
// differences judge it (tests/ops), and it judges the kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace moco::testing::reference {

/// Elements in the order of the tensor's memory; empty where an argument is absent.
using Values = std::vector<double>;

inline Values zeros(int64_t count) {
    return Values(static_cast<size_t>(count), 0.0);
}

}  // namespace moco::testing::reference
