// Mean over the pixels of each sample and channel.
#include "cuda/kernel_backend.h"
#include "cuda/rows.cuh"

namespace moco::cuda {
namespace {

// A block takes 32 packs of one sample's channels, its rows of threads take turns over the pixels: there are at most
// some hundred pixels, and always enough samples and channels to fill a GPU.
template <typename E, int kWidth>
KERNEL(kThreads)
average_pixels(const E* x, float* y, int64_t HW, int64_t C) {
    using Sums = Pack<float, kWidth>;
    SHARED_ARRAY(Sums, partial, [kBlockRows][kWarpSize]);
    const int64_t n = blockIdx.x, c = first_column<kWidth>(blockIdx.y);
    const float share = 1.0f / static_cast<float>(HW);
    const Sums sum = sum_over_rows(c < C ? x + n * HW * C + c : nullptr, HW, C, partial);
    if (threadIdx.y > 0 || c >= C) return;
    for (int j = 0; j < kWidth; ++j) y[n * C + c + j] = share * sum.element[j];
}

template <typename E, int kWidth>
KERNEL(kThreads)
spread_to_pixels(const float* dy, E* dx, int64_t HW, int64_t C) {
    const int64_t n = blockIdx.x, c = first_column<kWidth>(blockIdx.y);
    if (c >= C) return;
    const float share = 1.0f / static_cast<float>(HW);
    Pack<float, kWidth> gradient;
    for (int j = 0; j < kWidth; ++j) gradient.element[j] = share * dy[n * C + c + j];
    for (int64_t p = threadIdx.y; p < HW; p += kBlockRows) store_floats(dx + (n * HW + p) * C + c, gradient);
}

}  // namespace

void KernelBackend::global_avg_pool_forward(DType dtype, const void* x, float* y, int64_t N, int64_t HW, int64_t C) {
    if (N == 0) return;
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        with_pack_width<E>(takes_packs<E>(C, {x}), [&](auto width) {
            const dim3 grid(static_cast<unsigned>(N), column_tiles(C, width()));
            LAUNCH((average_pixels<E, width()>), grid, row_block(), 0, stream(), static_cast<const E*>(x), y, HW, C);
        });
    });
}

void KernelBackend::global_avg_pool_backward(DType dtype, const float* dy, void* dx, int64_t N, int64_t HW, int64_t C) {
    if (N == 0) return;
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        with_pack_width<E>(takes_packs<E>(C, {dx}), [&](auto width) {
            const dim3 grid(static_cast<unsigned>(N), column_tiles(C, width()));
            LAUNCH((spread_to_pixels<E, width()>), grid, row_block(), 0, stream(), dy, static_cast<E*>(dx), HW, C);
        });
    });
}

}  // namespace moco::cuda
