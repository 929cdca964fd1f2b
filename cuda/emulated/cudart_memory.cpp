// Allocation of the runtime.
#include <cuda_runtime_api.h>

#include "cuda/emulated/settings.h"
#include "cuda/emulated/stream_state.h"

using namespace moco::cuda::emulated;

namespace {

cudaError_t before_allocation() {
    if (broken() != cudaSuccess) return broken();
    return capture_forbids_allocation() ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

}  // namespace

cudaError_t cudaMalloc(void** memory, size_t bytes) {
    const std::lock_guard lock(device_mutex());
    const cudaError_t status = before_allocation();
    return remember(status == cudaSuccess ? allocate_device(memory, bytes) : status);
}

// Waits for the device first, as the runtime does.
cudaError_t cudaFree(void* memory) {
    const std::lock_guard lock(device_mutex());
    if (memory) synchronize_device();
    const cudaError_t freed = free_device(memory);
    return remember(broken() != cudaSuccess ? broken() : freed);
}

cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned int) {
    const std::lock_guard lock(device_mutex());
    const cudaError_t status = before_allocation();
    return remember(status == cudaSuccess ? allocate_pinned(memory, bytes) : status);
}

cudaError_t cudaMallocHost(void** memory, size_t bytes) {
    return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* memory) {
    const std::lock_guard lock(device_mutex());
    if (memory) synchronize_device();
    const cudaError_t freed = free_pinned(memory);
    return remember(broken() != cudaSuccess ? broken() : freed);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    const std::lock_guard lock(device_mutex());
    if (!free || !total) return remember(cudaErrorInvalidValue);
    *total = settings().memory_bytes;
    *free = *total - memory_in_use().bytes;
    return cudaSuccess;
}
