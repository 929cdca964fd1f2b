// Rows of unit length: a warp takes a row.
#include <cmath>

#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

template <int kWidth>
KERNEL(kThreads)
normalize_rows(const float* x, float* y, float* norm, int64_t rows, int64_t columns) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    x += row * columns;
    y += row * columns;
    const float square = dot_by_warp<kWidth>(x, x, columns), root = sqrtf(square);
    const float length = root < 1e-12f ? 1e-12f : root;  // a NaN stays one
    if (threadIdx.x == 0) norm[row] = length;
    for (int64_t c = threadIdx.x * kWidth; c < columns; c += kWarpSize * kWidth) {
        store_pack(y + c, map([=](float v) { return v / length; }, load_pack<kWidth>(x + c)));
    }
}

/// dx = (dy - y * (y . dy)) / norm
template <int kWidth>
KERNEL(kThreads)
normalize_rows_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows, int64_t columns) {
    const int64_t row = row_of_warp();
    if (row >= rows) return;
    y += row * columns;
    dy += row * columns;
    dx += row * columns;
    const float along = dot_by_warp<kWidth>(y, dy, columns), length = norm[row];
    for (int64_t c = threadIdx.x * kWidth; c < columns; c += kWarpSize * kWidth) {
        const auto across = [=](float unit, float gradient) { return (gradient - unit * along) / length; };
        store_pack(dx + c, map(across, load_pack<kWidth>(y + c), load_pack<kWidth>(dy + c)));
    }
}

}  // namespace

void KernelBackend::l2_normalize_forward(const float* x, float* y, float* norm, int64_t rows, int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {x, y}), [&](auto width) {
        LAUNCH((normalize_rows<width()>), warp_grid(rows), row_block(), 0, stream(), x, y, norm, rows, columns);
    });
}

void KernelBackend::l2_normalize_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows,
                                          int64_t columns) {
    with_pack_width<float>(takes_packs<float>(columns, {y, dy, dx}), [&](auto width) {
        LAUNCH((normalize_rows_backward<width()>), warp_grid(rows), row_block(), 0, stream(), y, norm, dy, dx, rows,
               columns);
    });
}

}  // namespace moco::cuda
