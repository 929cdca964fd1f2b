// Dot products of corresponding rows.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
dot_of_rows(const float* a, const float* b, float* dot, int64_t rows, int64_t columns) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    const float product = dot_by_warp<kWidth>(a + row * columns, b + row * columns, columns);
    if (threadIdx.x == 0) dot[row] = product;
}

template <int kWidth>
KERNEL(kThreads)
scale_rows(const float* factors, const float* x, float* y, int64_t rows, int64_t columns) {
    for_each_in_rows<kWidth>(rows, columns, [=](int64_t row, int64_t column) {
        const float factor = factors[row];
        const int64_t i = row * columns + column;
        store_pack(y + i, map([=](float v) { return factor * v; }, load_pack<kWidth>(x + i)));
    });
}

void launch_scale_rows(cudaStream_t stream, const float* factors, const float* x, float* y, int64_t rows,
                       int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {x, y}), [&](auto width) {
        LAUNCH((scale_rows<width()>), row_grid(rows, columns, width()), row_block(), 0, stream, factors, x, y, rows,
               columns);
    });
}

}  // namespace

void KernelBackend::row_dot_forward(const float* a, const float* b, float* dot, int64_t rows, int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {a, b}), [&](auto width) {
        LAUNCH((dot_of_rows<width()>), warp_grid(rows), row_block(), 0, stream(), a, b, dot, rows, columns);
    });
}

void KernelBackend::row_dot_backward(const float* a, const float* b, const float* ddot, float* da, float* db,
                                     int64_t rows, int64_t columns) {
    if (da != nullptr) launch_scale_rows(stream(), ddot, b, da, rows, columns);
    if (db != nullptr) launch_scale_rows(stream(), ddot, a, db, rows, columns);
}

}  // namespace moco::cuda
