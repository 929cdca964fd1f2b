// The emulated cuDNN: its version, handles and messages.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cuda/emulated/cudnn_objects.h"
#include "cuda/emulated/failure.h"

namespace moco::cuda::emulated {
namespace {

thread_local std::string last_reason;

struct StatusName {
    cudnnStatus_t status;
    const char* name;
};

constexpr std::array<StatusName, 9> kStatusNames = {{
    {CUDNN_STATUS_SUCCESS, "CUDNN_STATUS_SUCCESS"},
    {CUDNN_STATUS_NOT_INITIALIZED, "CUDNN_STATUS_NOT_INITIALIZED"},
    {CUDNN_STATUS_BAD_PARAM, "CUDNN_STATUS_BAD_PARAM"},
    {CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "CUDNN_STATUS_BAD_PARAM_NULL_POINTER"},
    {CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER"},
    {CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT, "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT"},
    {CUDNN_STATUS_NOT_SUPPORTED, "CUDNN_STATUS_NOT_SUPPORTED"},
    {CUDNN_STATUS_INTERNAL_ERROR, "CUDNN_STATUS_INTERNAL_ERROR"},
    {CUDNN_STATUS_EXECUTION_FAILED, "CUDNN_STATUS_EXECUTION_FAILED"},
}};

}  // namespace

cudnnStatus_t refuse(cudnnStatus_t status, std::string reason) {
    last_reason = std::move(reason);
    return status;
}

cudnnStatus_t refuse_parameter(std::string reason) {
    return refuse(CUDNN_STATUS_BAD_PARAM, std::move(reason));
}

}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

size_t cudnnGetVersion() {
    return CUDNN_MAJOR * 10000 + CUDNN_MINOR * 100 + CUDNN_PATCHLEVEL;
}

const char* cudnnGetErrorString(cudnnStatus_t status) {
    for (const StatusName& name : kStatusNames) {
        if (name.status == status) return name.name;
    }
    return "CUDNN_UNKNOWN_STATUS";
}

void cudnnGetLastErrorString(char* message, size_t max_size) {
    if (!message || max_size == 0) return;
    const size_t length = std::min(last_reason.size(), max_size - 1);
    std::memcpy(message, last_reason.data(), length);
    message[length] = '\0';
    last_reason.clear();
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
    if (!handle) return refuse_parameter("handle is null");
    if (injected_failure(Failure::library)) return refuse(CUDNN_STATUS_INTERNAL_ERROR, "injected failure");
    *handle = live<cudnnContext>().create();
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
    if (!live<cudnnContext>().destroy(handle)) return refuse_parameter("the handle was not created or is destroyed");
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
    if (!alive(handle)) return refuse_parameter("the handle was not created or is destroyed");
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}
