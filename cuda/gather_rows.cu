// Rows in the order of an index.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
copy_indexed_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    for_each_in_rows<kWidth>(rows, columns, [=](int64_t row, int64_t column) {
        store_pack(y + row * columns + column, load_pack<kWidth>(x + index[row] * columns + column));
    });
}

}  // namespace

void KernelBackend::gather_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {x, y}), [&](auto width) {
        LAUNCH(copy_indexed_rows<width()>, row_grid(rows, columns, width()), row_block(), 0, stream(), x, index, y,
               rows, columns);
    });
}

}  // namespace moco::cuda
