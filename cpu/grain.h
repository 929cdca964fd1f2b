// How much work a piece of a parallel_for should hold. Waking another thread costs some microseconds, so what is
// smaller than two pieces runs in line.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace moco::cpu {

/// Elements a piece of a memory-bound kernel: about 10 microseconds' work.
inline constexpr int64_t kElementGrain = 1 << 15;

/// The grain that cuts `rows` rows (samples, pixels) of `row` elements into pieces of at most about so many. Their
/// number is a power of two: the shares of two, four or eight threads are equal, and so are the images that a thread
/// has in one pass and in the next.
inline int64_t row_grain(int64_t rows, int64_t row) {
    const int64_t pieces = std::min(rows, (rows * row + kElementGrain - 1) / kElementGrain);
    const auto even = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(pieces, 1))));
    return std::max<int64_t>(1, (rows + even - 1) / even);
}

/// The same for `count` elements: a multiple of every vector's length.
inline int64_t element_grain(int64_t count) {
    constexpr int64_t kTogether = 64;
    return kTogether * row_grain((count + kTogether - 1) / kTogether, kTogether);
}

}  // namespace moco::cpu
