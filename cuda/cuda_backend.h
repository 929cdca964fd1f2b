// How programs get the CUDA backend.
#pragma once

#include <memory>

#include "core/backend.h"

namespace moco {

/// Throws Error where this build has no CUDA backend.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace moco
