// How programs get the CUDA backend. Thread safety as core/backend.h says.
#pragma once

#include <memory>

#include "core/backend.h"

namespace moco {

/// What make_cuda_backend would compute on; none also where this build has no CUDA backend.
enum class CudaDevice { none, real, emulated };
CudaDevice find_cuda_device();

/// A backend on the first CUDA device. Throws Error, in one sentence that says what to do, where there is none, where
/// the driver is too old, or where this build has no CUDA backend. Tensors must not outlive it.
std::unique_ptr<Backend> make_cuda_backend();

}  // namespace moco
