// Rows to the places that an index names: a warp takes a row, and writes it unless a later one goes to the same place.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
copy_to_indexed_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const int64_t target = index[row];
    int later = 0;
    for (int64_t r = row + 1 + threadIdx.x; r < rows; r += kWarpSize) later += index[r] == target ? 1 : 0;
    if (warp_reduce(later, Sum()) > 0) return;
    for (int64_t c = threadIdx.x * kWidth; c < columns; c += kWarpSize * kWidth) {
        store_pack(y + target * columns + c, load_pack<kWidth>(x + row * columns + c));
    }
}

}  // namespace

void KernelBackend::scatter_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {x, y}), [&](auto width) {
        LAUNCH(copy_to_indexed_rows<width()>, warp_grid(rows), row_block(), 0, stream(), x, index, y, rows, columns);
    });
}

}  // namespace moco::cuda
