// How a kernel gets onto a stream of the emulated device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace moco::cuda::emulated {

struct Launch {
    const char* name;
    const void* kernel;
    dim3 grid, block;
    size_t shared_bytes;
    void (*run)(const void* call);     // one thread
    std::shared_ptr<const void> call;  // the arguments
    size_t call_bytes;
    std::vector<const void*> pointers;  // among the arguments
};

/// Checks the configuration as a device would and puts the kernel on the stream. Pointers that are neither null nor of
/// the device fail the kernel when it runs.
cudaError_t enqueue_kernel(const Launch& launch, cudaStream_t stream);

/// The launch bounds of a kernel, in threads; 0: not known.
int launch_bounds(const void* kernel);

/// The shared bytes that a launch of the kernel may ask for: 48 KiB, or what cudaFuncSetAttribute allowed.
size_t shared_limit_of(const void* kernel);

}  // namespace moco::cuda::emulated
