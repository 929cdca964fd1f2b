// How much work a piece of a parallel_for should hold. Waking another thread costs some microseconds, so what is
// smaller than two pieces runs in line.
#pragma once

#include <algorithm>
#include <cstdint>

namespace moco::cpu {

/// Elements a piece of a memory-bound kernel: about 10 microseconds' work. A multiple of every vector's length.
inline constexpr int64_t kElementGrain = 1 << 15;

/// The same for a kernel over rows (samples, pixels) of `row` elements.
inline int64_t row_grain(int64_t row) {
    return std::max<int64_t>(1, kElementGrain / std::max<int64_t>(row, 1));
}

}  // namespace moco::cpu
