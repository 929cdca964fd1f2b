// Kernels over matrices, row-major: blocks are 32 threads wide, along the columns, and 8 rows high. A thread takes one
// element or, where the rows' length and place in memory allow, a full pack.
#pragma once

#include "cuda/elementwise.cuh"
#include "cuda/reduce.cuh"

namespace moco::cuda {

inline constexpr int kBlockRows = kThreads / kWarpSize;

/// At most so many blocks lie below each other, then a thread takes several rows: enough to fill any GPU, and few
/// enough that what a thread works out for its column serves it more than once.
inline constexpr int64_t kMaxRowBlocks = 1024;

/// Calls f(Width) with a full pack of E if `packed`, else with 1. Host.
template <typename E, typename F>
void with_pack_width(bool packed, const F& f) {
    if (packed)
        f(Width<kFullPack<E>>());
    else
        f(Width<1>());
}

inline dim3 row_block() {
    return {kWarpSize, kBlockRows};
}

/// Blocks that cover `columns` columns, in packs of `width`. Host.
inline unsigned column_tiles(int64_t columns, int width) {
    return blocks_for(columns, kWarpSize * width, INT32_MAX);
}

/// The first column of this thread's pack, of column_tiles along one dimension of the grid.
template <int kWidth>
DEVICE int64_t first_column(unsigned tile) {
    return (int64_t{tile} * kWarpSize + threadIdx.x) * kWidth;
}

/// The grid for for_each_in_rows. Host.
inline dim3 row_grid(int64_t rows, int64_t columns, int width) {
    return {column_tiles(columns, width), blocks_for(rows, kBlockRows, kMaxRowBlocks)};
}

/// Calls f(row, column) for the first element of every pack of a matrix.
template <int kWidth, typename F>
DEVICE void for_each_in_rows(int64_t rows, int64_t columns, const F& f) {
    const int64_t column = first_column<kWidth>(blockIdx.x), step = int64_t{gridDim.y} * kBlockRows;
    if (column >= columns) return;
    for (int64_t row = int64_t{blockIdx.y} * kBlockRows + threadIdx.y; row < rows; row += step) f(row, column);
}

/// The sums over `rows` rows, `columns` elements apart, of the pack that begins at each of them. By whole blocks, with
/// one x for threads of the same threadIdx.x (null: 0 instead); the result is in those with threadIdx.y == 0. Holds a
/// barrier; `partial` is as column_reduce wants it.
template <int kWidth, typename E>
DEVICE Pack<float, kWidth> sum_over_rows(const E* x, int64_t rows, int64_t columns,
                                         Pack<float, kWidth> (&partial)[kBlockRows][kWarpSize]) {
    const auto add = [](const auto& a, const auto& b) { return map(Sum(), a, b); };
    Pack<float, kWidth> sum = {};
    if (x != nullptr) {
        for (int64_t r = threadIdx.y; r < rows; r += kBlockRows) {
            sum = add(sum, load_floats(Width<kWidth>(), x + r * columns));
        }
    }
    return column_reduce(sum, partial, add);
}

/// The grid where each warp takes one row. Host.
inline unsigned warp_grid(int64_t rows) {
    return blocks_for(rows, kBlockRows, INT32_MAX);
}

/// The row of this warp in it; where there is none, the whole warp has nothing to do.
DEVICE int64_t row_of_warp() {
    return int64_t{blockIdx.x} * kBlockRows + threadIdx.y;
}

/// a . b by one warp, in every lane.
template <int kWidth>
DEVICE float dot_by_warp(const float* a, const float* b, int64_t columns) {
    float sum = 0;
    for (int64_t c = lane_in_warp() * kWidth; c < columns; c += kWarpSize * kWidth) {
        const auto left = load_pack<kWidth>(a + c), right = load_pack<kWidth>(b + c);
        for (int j = 0; j < kWidth; ++j) sum += left.element[j] * right.element[j];
    }
    return warp_reduce(sum, Sum());
}

}  // namespace moco::cuda
