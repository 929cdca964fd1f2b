// Making the CUDA backend.
#include "cuda/cuda_backend.h"

#include <fmt/format.h>

#include "cuda/backend_impl.h"
#include "cuda/libraries.h"

namespace moco {
namespace cuda {

CudaBackend::CudaBackend()
    : cublas_(*this, stream()),
      cudnn_(make_cudnn(stream())),
      conv_choices_(fmt::format("{} on {}", cudnn_version(), instruction_set())) {}

CudaBackend::~CudaBackend() = default;

}  // namespace cuda

CudaDevice find_cuda_device() {
    if (!cuda::has_device()) return CudaDevice::none;
    return cuda::kEmulated ? CudaDevice::emulated : CudaDevice::real;
}

std::unique_ptr<Backend> make_cuda_backend() {
    static_cast<void>(cuda::find_device());  // where there is none, nothing needs to be loaded to say so
    cuda::load_libraries();
    return std::make_unique<cuda::CudaBackend>();
}

}  // namespace moco
