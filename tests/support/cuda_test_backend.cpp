#include "tests/support/cuda_test_backend.h"

#include "cuda/cuda_backend.h"
#include "cuda/kernel_backend.h"

namespace moco::testing {
namespace {

// A GPU may add in another order and contracts to FMA: both err by less than the bounds' own walk, twice covers them.
constexpr double kTolerance = 2.0;

Backend& cuda_backend() {
    static const std::unique_ptr<Backend> backend = make_cuda_backend();
    return *backend;
}

moco::cuda::MemoryPool& memory() {
    return static_cast<moco::cuda::KernelBackend&>(cuda_backend()).memory();
}

}  // namespace

std::optional<TestBackend> cuda_test_backend() {
    if (find_cuda_device() == CudaDevice::none) return std::nullopt;
    return TestBackend{.name = "cuda",
                       .backend = cuda_backend,
                       .bytes_in_use = [] { return memory().bytes_in_use(); },
                       .peak_bytes = [] { return memory().peak_bytes(); },
                       .reset_peak = [] { memory().reset_peak(); },
                       .tolerance = kTolerance,
                       .rounds_bf16_weight_gradients = true};
}

}  // namespace moco::testing
