// Events of the runtime.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <chrono>

#include "cuda/emulated/stream_state.h"

namespace moco::cuda::emulated {
namespace {

std::vector<std::unique_ptr<CUevent_st>>& all_events() {
    static auto& events = *new std::vector<std::unique_ptr<CUevent_st>>;
    return events;
}

bool known(cudaEvent_t event) {
    return std::any_of(all_events().begin(), all_events().end(), [&](const auto& e) { return e.get() == event; });
}

}  // namespace

size_t events_in_use() {
    const std::lock_guard lock(device_mutex());
    return all_events().size();
}

}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
    const std::lock_guard lock(device_mutex());
    if (!event) return remember(cudaErrorInvalidValue);
    all_streams();
    all_events().push_back(std::make_unique<CUevent_st>());
    *event = all_events().back().get();
    (*event)->timed = !(flags & cudaEventDisableTiming);
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    const std::lock_guard lock(device_mutex());
    if (!known(event)) return remember(cudaErrorInvalidResourceHandle);
    std::erase_if(all_events(), [&](const auto& e) { return e.get() == event; });
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* stream = find_stream(handle);
    if (!known(event) || !stream) return remember(cudaErrorInvalidResourceHandle);
    if (broken() != cudaSuccess) return broken();
    event->recorded = add(*stream, "cudaEventRecord", nullptr);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    const std::lock_guard lock(device_mutex());
    if (!known(event)) return remember(cudaErrorInvalidResourceHandle);
    if (event->recorded && event->recorded->graph) return remember(cudaErrorCapturedEvent);
    return run_until(event->recorded);
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    const std::lock_guard lock(device_mutex());
    if (!known(event)) return remember(cudaErrorInvalidResourceHandle);
    if (event->recorded && event->recorded->graph) return remember(cudaErrorCapturedEvent);
    if (event->recorded && !event->recorded->done) run_one();
    if (broken() != cudaSuccess) return broken();
    return !event->recorded || event->recorded->done ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    const std::lock_guard lock(device_mutex());
    if (!known(begin) || !known(end)) return remember(cudaErrorInvalidResourceHandle);
    if (!milliseconds || !begin->timed || !end->timed || !begin->recorded || !end->recorded)
        return remember(cudaErrorInvalidResourceHandle);
    if (!begin->recorded->done || !end->recorded->done) return remember(cudaErrorNotReady);
    const std::chrono::duration<float, std::milli> between = end->recorded->when - begin->recorded->when;
    *milliseconds = between.count();
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned int) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* stream = find_stream(handle);
    if (!known(event) || !stream) return remember(cudaErrorInvalidResourceHandle);
    if (!event->recorded) return cudaSuccess;
    if (event->recorded->graph && !stream->capture) stream->capture = event->recorded->graph;  // joins the capture
    add(*stream, "cudaStreamWaitEvent", nullptr, {event->recorded});
    return cudaSuccess;
}
