// A build without a CUDA backend.
#include "tests/support/cuda_test_backend.h"

namespace moco::testing {

std::optional<TestBackend> cuda_test_backend() {
    return std::nullopt;
}

}  // namespace moco::testing
