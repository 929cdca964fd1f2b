// Members that nobody has delivered yet: each owner removes theirs, the last one this file.
#include "core/error.h"
#include "cuda/kernel_backend.h"

namespace moco::cuda {

#define PENDING fail("not there yet")

void KernelBackend::augment(std::span<const ImageView>, std::span<const AugmentParams>, int64_t, float*) {
    PENDING;
}

}  // namespace moco::cuda
