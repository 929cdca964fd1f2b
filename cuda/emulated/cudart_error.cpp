// Errors of the runtime.
#include <cuda_runtime_api.h>

#include "cuda/emulated/failure.h"

using namespace moco::cuda::emulated;

namespace {

struct Names {
    cudaError_t status;
    const char *name, *text;
};

constexpr Names kNames[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "an argument is not one the call accepts"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "a launch configuration that no device can run"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "there is no device of that number"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "not a live stream or event"},
    {cudaErrorNotReady, "cudaErrorNotReady", "the work is not done yet"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "memory was touched that must not be"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources", "the launch asks for more than the device has"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "a kernel failed"},
    {cudaErrorIllegalState, "cudaErrorIllegalState", "not now"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported", "not while a stream is captured"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined", "a captured stream was not joined again"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched", "the capture began on another stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent", "the event was recorded in a capture"},
};

const Names& names_of(cudaError_t status) {
    static constexpr Names kUnknown = {cudaErrorUnknown, "cudaErrorUnknown",
                                       "an error the emulated device does not make"};
    for (const Names& names : kNames) {
        if (names.status == status) return names;
    }
    return kUnknown;
}

}  // namespace

const char* cudaGetErrorName(cudaError_t status) {
    return names_of(status).name;
}

const char* cudaGetErrorString(cudaError_t status) {
    return names_of(status).text;
}

cudaError_t cudaGetLastError() {
    return last_status(true);
}

cudaError_t cudaPeekAtLastError() {
    return last_status(false);
}
