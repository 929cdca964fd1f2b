// ReLU.
#include "cuda/elementwise.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

// Not max(x, 0): that would turn a NaN into 0 and hide it from whoever watches the loss.
template <typename E>
KERNEL(kThreads)
cut_off(const E* x, E* y, int64_t count) {
    constexpr int kWidth = kFullPack<E>;
    for_each_pack<kWidth>(count, aligned<kWidth>(x, y), [=](auto width, int64_t i) {
        store_floats(y + i, map([](float v) { return v < 0 ? 0.0f : v; }, load_floats(width, x + i)));
    });
}

template <typename E>
KERNEL(kThreads)
pass_where_active(const E* y, const E* dy, E* dx, int64_t count) {
    constexpr int kWidth = kFullPack<E>;
    for_each_pack<kWidth>(count, aligned<kWidth>(y, dy, dx), [=](auto width, int64_t i) {
        const auto passed = [](float result, float gradient) { return result > 0 ? gradient : 0.0f; };
        store_floats(dx + i, map(passed, load_floats(width, y + i), load_floats(width, dy + i)));
    });
}

}  // namespace

void KernelBackend::relu_forward(DType dtype, const void* x, void* y, int64_t count) {
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        LAUNCH(cut_off<E>, blocks_for_packs<E>(count), kThreads, 0, stream(), static_cast<const E*>(x),
               static_cast<E*>(y), count);
    });
}

void KernelBackend::relu_backward(DType dtype, const void* y, const void* dy, void* dx, int64_t count) {
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        LAUNCH(pass_where_active<E>, blocks_for_packs<E>(count), kThreads, 0, stream(), static_cast<const E*>(y),
               static_cast<const E*>(dy), static_cast<E*>(dx), count);
    });
}

}  // namespace moco::cuda
