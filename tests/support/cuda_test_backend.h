// The CUDA backend among those that tests run on.
#pragma once

#include <optional>

#include "tests/support/test_backend.h"

namespace moco::testing {

/// Nothing where this build has no CUDA backend, or where the runtime finds no device.
std::optional<TestBackend> cuda_test_backend();

}  // namespace moco::testing
