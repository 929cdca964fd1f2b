// The CUDA backend of a build that has none.
#pragma once

#include <memory>

#include "core/backend.h"

namespace moco {

/// Throws Error: this build has no CUDA backend.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace moco
