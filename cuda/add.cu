// Sums and multiples of whole tensors.
#include "cuda/elementwise.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

template <typename E>
KERNEL(kThreads)
add(const E* a, const E* b, E* y, int64_t count) {
    constexpr int kWidth = kFullPack<E>;
    for_each_pack<kWidth>(count, aligned<kWidth>(a, b, y), [=](auto width, int64_t i) {
        const auto sum = [](float left, float right) { return left + right; };
        store_floats(y + i, map(sum, load_floats(width, a + i), load_floats(width, b + i)));
    });
}

KERNEL(kThreads) multiply(const float* x, float factor, float* y, int64_t count) {
    constexpr int kWidth = kFullPack<float>;
    for_each_pack<kWidth>(count, aligned<kWidth>(x, y), [=](auto width, int64_t i) {
        store_floats(y + i, map([=](float v) { return factor * v; }, load_floats(width, x + i)));
    });
}

}  // namespace

void KernelBackend::add_forward(DType dtype, const void* a, const void* b, void* y, int64_t count) {
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        LAUNCH(add<E>, blocks_for_packs<E>(count), kThreads, 0, stream(), static_cast<const E*>(a),
               static_cast<const E*>(b), static_cast<E*>(y), count);
    });
}

void KernelBackend::accumulate(DType dtype, const void* x, void* sum, int64_t count) {
    add_forward(dtype, sum, x, sum, count);
}

void KernelBackend::scale(const float* x, float factor, float* y, int64_t count) {
    LAUNCH(multiply, blocks_for_packs<float>(count), kThreads, 0, stream(), x, factor, y, count);
}

}  // namespace moco::cuda
