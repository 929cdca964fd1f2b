// How a failing call of the CUDA runtime becomes an Error.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string_view>

namespace moco::cuda {

/// Throws Error naming `call` (with its sizes or shapes, as the caller writes them), the device and CUDA's reason,
/// unless `status` is success.
void check_cuda(cudaError_t status, std::string_view call);

/// The same for the launch of a kernel; the message holds the configuration.
void check_launch(cudaError_t status, const char* kernel, dim3 grid, dim3 block, size_t shared_bytes);

}  // namespace moco::cuda
