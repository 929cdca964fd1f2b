// Streams of the runtime, and waiting for the device.
#include <cuda_runtime_api.h>

#include "cuda/emulated/stream_state.h"

using namespace moco::cuda::emulated;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int flags) {
    const std::lock_guard lock(device_mutex());
    if (!stream || (flags != cudaStreamDefault && flags != cudaStreamNonBlocking))
        return remember(cudaErrorInvalidValue);
    all_streams().push_back(std::make_unique<CUstream_st>());
    *stream = all_streams().back().get();
    (*stream)->blocking = flags == cudaStreamDefault;
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned int flags, int) {
    return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
    if (least) *least = 0;
    if (greatest) *greatest = 0;
    return cudaSuccess;
}

// As the runtime does: at once, and the stream's work is still done.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* found = find_stream(stream);
    if (!found || found == find_stream(nullptr)) return remember(cudaErrorInvalidResourceHandle);
    found->destroyed = true;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const std::lock_guard lock(device_mutex());
    return remember(synchronize_stream(stream));
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
    const std::lock_guard lock(device_mutex());
    if (!find_stream(stream)) return remember(cudaErrorInvalidResourceHandle);
    const bool done = is_done(stream);
    if (broken() != cudaSuccess) return broken();
    return done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize() {
    const std::lock_guard lock(device_mutex());
    return remember(synchronize_device());
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
    return enqueue(stream, "cudaLaunchHostFunc", [=] { function(data); });
}
