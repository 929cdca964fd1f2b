#include "cuda/cublas.h"

#include <fmt/format.h>

#include "core/error.h"

namespace moco::cuda {
namespace {

constexpr int64_t kWorkspaceBytes = 32 << 20;  // what NVIDIA advises for Hopper, more than for older devices

}  // namespace

void fail_cublas(cublasStatus_t status, const std::string& call) {
    int device = -1;
    cudaGetDevice(&device);
    fail("CUDA device {}: {} failed: {} ({})", device, call, cublasGetStatusString(status),
         cublasGetStatusName(status));
}

Cublas::Cublas(Backend& backend, cudaStream_t stream) : workspace_(backend, kWorkspaceBytes) {
    check_cublas(cublasCreate(&handle_), [] { return "cublasCreate"; });
    try {
        check_cublas(cublasSetStream(handle_, stream), [] { return "cublasSetStream"; });
        // After the stream: setting that takes the workspace away.
        check_cublas(cublasSetWorkspace(handle_, workspace_.get(), kWorkspaceBytes),
                     [] { return fmt::format("cublasSetWorkspace of {} bytes", kWorkspaceBytes); });
        set_precision(Precision::f32);
    } catch (...) {
        cublasDestroy(handle_);
        throw;
    }
}

Cublas::~Cublas() {
    cublasDestroy(handle_);
}

void Cublas::set_precision(Precision precision) {
    // Pedantic, not default: the default may be told by the environment to use tensor cores.
    const cublasMath_t math = precision == Precision::tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH;
    check_cublas(cublasSetMathMode(handle_, math),
                 [&] { return fmt::format("cublasSetMathMode {}", static_cast<int>(math)); });
}

}  // namespace moco::cuda
