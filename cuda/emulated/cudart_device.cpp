// The one device of the runtime, its properties, and those of kernels.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "cuda/emulated/failure.h"
#include "cuda/emulated/launch.h"
#include "cuda/emulated/settings.h"
#include "cuda/emulated/shared.h"
#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {
namespace {

constexpr int kMajor = 8, kMinor = 0;  // it offers what sm_80 does, of what kernels here use
constexpr int kMultiprocessors = 4;
constexpr int kThreadsOfMultiprocessor = 2048, kBlocksOfMultiprocessor = 32;
constexpr size_t kSharedOfMultiprocessor = 164 << 10;
constexpr int kRegisters = 65536;

std::map<const void*, size_t>& shared_limits() {
    static std::map<const void*, size_t> limits;
    return limits;
}

}  // namespace

size_t shared_limit_of(const void* kernel) {
    const auto found = shared_limits().find(kernel);
    return found == shared_limits().end() ? kSharedBytes : found->second;
}

}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudaError_t cudaGetDeviceCount(int* count) {
    if (!count) return remember(cudaErrorInvalidValue);
    *count = 1;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
    if (!device) return remember(cudaErrorInvalidValue);
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    return remember(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
    if (!properties || device != 0) return remember(device ? cudaErrorInvalidDevice : cudaErrorInvalidValue);
    *properties = {};
    std::strcpy(properties->name, "emulated device (no GPU)");
    properties->totalGlobalMem = settings().memory_bytes;
    properties->sharedMemPerBlock = kSharedBytes;
    properties->sharedMemPerBlockOptin = kMostSharedBytes;
    properties->sharedMemPerMultiprocessor = kSharedOfMultiprocessor;
    properties->regsPerBlock = properties->regsPerMultiprocessor = kRegisters;
    properties->warpSize = 32;
    properties->maxThreadsPerBlock = 1024;
    properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = 1024;
    properties->maxThreadsDim[2] = 64;
    properties->maxGridSize[0] = 0x7fffffff;
    properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
    properties->major = kMajor;
    properties->minor = kMinor;
    properties->multiProcessorCount = kMultiprocessors;
    properties->maxThreadsPerMultiProcessor = kThreadsOfMultiprocessor;
    properties->maxBlocksPerMultiProcessor = kBlocksOfMultiprocessor;
    properties->concurrentKernels = properties->asyncEngineCount = 1;
    properties->unifiedAddressing = properties->canMapHostMemory = 1;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
    cudaDeviceProp p;
    if (!value) return remember(cudaErrorInvalidValue);
    if (const cudaError_t status = cudaGetDeviceProperties(&p, device); status != cudaSuccess) return status;
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock:
            *value = p.maxThreadsPerBlock;
            break;
        case cudaDevAttrMaxSharedMemoryPerBlock:
            *value = static_cast<int>(p.sharedMemPerBlock);
            break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin:
            *value = static_cast<int>(p.sharedMemPerBlockOptin);
            break;
        case cudaDevAttrMultiProcessorCount:
            *value = p.multiProcessorCount;
            break;
        case cudaDevAttrComputeCapabilityMajor:
            *value = p.major;
            break;
        case cudaDevAttrComputeCapabilityMinor:
            *value = p.minor;
            break;
        case cudaDevAttrWarpSize:
            *value = p.warpSize;
            break;
        case cudaDevAttrMaxThreadsPerMultiProcessor:
            *value = p.maxThreadsPerMultiProcessor;
            break;
        default:
            report("cudaDeviceGetAttribute: the emulated device does not know attribute " + std::to_string(attribute));
            return remember(cudaErrorInvalidValue);
    }
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceReset() {
    reset_device();
    return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
    const std::lock_guard lock(device_mutex());
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;  // hints
    if (value < 0 || static_cast<size_t>(value) > kMostSharedBytes) return remember(cudaErrorInvalidValue);
    shared_limits()[kernel] = static_cast<size_t>(value);
    return cudaSuccess;
}

// Registers are not known here: what an A100 could hold of the rest.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads, size_t shared_bytes) {
    if (!blocks || threads < 1 || threads > 1024) return remember(cudaErrorInvalidValue);
    const size_t by_shared = kSharedOfMultiprocessor / std::max<size_t>(shared_bytes, 1024);
    *blocks = std::min({kThreadsOfMultiprocessor / threads, kBlocksOfMultiprocessor, static_cast<int>(by_shared)});
    return cudaSuccess;
}
