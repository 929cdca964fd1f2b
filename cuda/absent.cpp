// The CUDA backend of a build that has none: one clear sentence.
#include "cuda/cuda_backend.h"

#include "core/error.h"

namespace moco {

std::unique_ptr<Backend> make_cuda_backend() {
    fail("--device cuda: this build has no CUDA backend; use --device cpu");
}

}  // namespace moco
