// What a linear layer needs beside the product: the bias, and the bias's gradient.
#include <algorithm>

#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
add_to_rows(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) {
    for_each_in_rows<kWidth>(rows, columns, [=](int64_t row, int64_t column) {
        const int64_t i = row * columns + column;
        store_pack(y + i, map(Sum(), load_pack<kWidth>(x + i), load_pack<kWidth>(bias + column)));
    });
}

/// Row blockIdx.y of `sums`: the sum of rows [blockIdx.y * piece, ... + piece) of x.
template <int kWidth>
KERNEL(kThreads)
sum_pieces(const float* x, float* sums, int64_t rows, int64_t columns, int64_t piece) {
    using Sums = Pack<float, kWidth>;
    SHARED_ARRAY(Sums, partial, [kBlockRows][kWarpSize]);
    const int64_t c = first_column<kWidth>(blockIdx.x), begin = blockIdx.y * piece;
    const int64_t count = begin + piece < rows ? piece : rows - begin;
    const Sums sum = sum_over_rows(c < columns ? x + begin * columns + c : nullptr, count, columns, partial);
    if (threadIdx.y == 0 && c < columns) store_pack(sums + blockIdx.y * columns + c, sum);
}

constexpr int64_t kPieceRows = 256;  // at least: fewer are not worth a second kernel
constexpr int64_t kMaxPieces = 256;

void launch_sum(cudaStream_t stream, const float* x, float* sums, int64_t rows, int64_t columns, int64_t piece) {
    with_pack_width<float>(takes_packs<float>(columns, {x, sums}), [&](auto width) {
        const int64_t pieces = std::max<int64_t>(1, (rows + piece - 1) / piece);
        const dim3 grid(column_tiles(columns, width()), static_cast<unsigned>(pieces));
        LAUNCH((sum_pieces<width()>), grid, row_block(), 0, stream, x, sums, rows, columns, piece);
    });
}

}  // namespace

void KernelBackend::add_bias(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {x, bias, y}), [&](auto width) {
        LAUNCH((add_to_rows<width()>), row_grid(rows, columns, width()), row_block(), 0, stream(), x, bias, y, rows,
               columns);
    });
}

void KernelBackend::sum_rows(const float* x, float* sum, int64_t rows, int64_t columns) {
    const int64_t most = std::clamp<int64_t>(rows / kPieceRows, 1, kMaxPieces);
    const int64_t piece = std::max<int64_t>(1, (rows + most - 1) / most), pieces = (rows + piece - 1) / piece;
    if (pieces <= 1) return launch_sum(stream(), x, sum, rows, columns, piece);
    const Scratch<float> partial(*this, pieces * columns);
    launch_sum(stream(), x, partial.get(), rows, columns, piece);
    launch_sum(stream(), partial.get(), sum, pieces, columns, pieces);
}

}  // namespace moco::cuda
