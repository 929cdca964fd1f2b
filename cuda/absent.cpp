// The CUDA backend of a build that has none: one clear sentence.
#include "cuda/cuda_backend.h"

#include "core/error.h"

namespace moco {

CudaDevice find_cuda_device() {
    return CudaDevice::none;
}

std::unique_ptr<Backend> make_cuda_backend() {
    fail("this build has no CUDA backend");
}

}  // namespace moco
