// ReLU.
#include "cuda/elements.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

constexpr int kThreads = 256;

// Not max(x, 0): that would turn a NaN into 0 and hide it from whoever watches the loss.
template <typename E>
KERNEL(kThreads)
cut_off(const E* x, E* y, int64_t count) {
    const int64_t stride = int64_t{gridDim.x} * blockDim.x;
    for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += stride) {
        const float value = to_float(x[i]);
        y[i] = from_float<E>(value < 0 ? 0.0f : value);
    }
}

}  // namespace

void KernelBackend::relu_forward(DType dtype, const void* x, void* y, int64_t count) {
    with_element_type(dtype, [&](auto type) {
        using E = decltype(type);
        LAUNCH(cut_off<E>, blocks_for(count, kThreads), kThreads, 0, stream(), static_cast<const E*>(x),
               static_cast<E*>(y), count);
    });
}

}  // namespace moco::cuda
