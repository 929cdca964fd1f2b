// How a kernel gets onto a stream of the emulated device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace moco::cuda::emulated {

struct Launch {
    const char* name;
    const void* kernel;
    dim3 grid, block;
    size_t shared_bytes;
    size_t parameter_bytes;
    std::vector<const void*> pointers;  // among the arguments
};

/// Checks the configuration as a device would and puts the kernel on the stream; `body` runs one thread. Pointers that
/// are neither null nor of the device fail the kernel when it runs.
cudaError_t enqueue_kernel(const Launch& launch, std::function<void()> body, cudaStream_t stream);

/// The launch bounds of a kernel, in threads; 0: not known.
int launch_bounds(const void* kernel);

/// The shared bytes that a launch of the kernel may ask for: 48 KiB, or what cudaFuncSetAttribute allowed.
size_t shared_limit_of(const void* kernel);

}  // namespace moco::cuda::emulated
