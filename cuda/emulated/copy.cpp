// Copies and fills of the runtime. An asynchronous copy and the host must not meet: what a copy will write is garbage
// until it has run, and what it will read must still be the same when it runs.
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/error.h"
#include "cuda/emulated/stream_state.h"

namespace moco::cuda::emulated {
namespace {

enum class Place { device, pinned, pageable };

Place place_of(const void* memory, size_t bytes) {
    return is_device_memory(memory, bytes)   ? Place::device
           : is_pinned_memory(memory, bytes) ? Place::pinned
                                             : Place::pageable;
}

// Whether the places fit the kind of copy; says what does not.
bool fits(cudaMemcpyKind kind, Place target, Place source, const void* t, const void* s, size_t bytes) {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind == cudaMemcpyDefault) return true;
    if (to_device == (target == Place::device) && from_device == (source == Place::device)) return true;
    report(fmt::format("a copy of {} bytes to {} from {}: not as its kind ({}) says, or beyond an allocation", bytes,
                       describe_address(t), describe_address(s), static_cast<int>(kind)));
    return false;
}

using Bytes = std::vector<unsigned char>;

Bytes bytes_of(const void* memory, size_t bytes) {
    const auto* begin = static_cast<const unsigned char*>(memory);
    return {begin, begin + bytes};
}

std::function<void()> copy_from_host(void* target, const void* source, size_t bytes, Place from) {
    auto before = std::make_shared<const Bytes>(bytes_of(source, bytes));
    if (from == Place::pageable)  // the runtime reads such memory before it returns
        return [=] { std::memcpy(target, before->data(), bytes); };
    return [=] {
        check(std::memcmp(source, before->data(), bytes) == 0,
              "the host changed {} bytes of pinned memory ({}) before the asynchronous copy from there was done", bytes,
              source);
        std::memcpy(target, source, bytes);
    };
}

std::function<void()> copy_to_host(void* target, const void* source, size_t bytes) {
    std::memset(target, kFreshByte, bytes);
    return [=] {
        const auto* begin = static_cast<const unsigned char*>(target);
        check(std::all_of(begin, begin + bytes, [](unsigned char byte) { return byte == kFreshByte; }),
              "the host wrote to {} bytes at {} before the asynchronous copy to there was done", bytes, target);
        std::memcpy(target, source, bytes);
    };
}

cudaError_t copy(void* target, const void* source, size_t bytes, cudaMemcpyKind kind, cudaStream_t handle,
                 bool synchronous) {
    const std::lock_guard lock(device_mutex());
    if (broken() != cudaSuccess) return remember(broken());
    CUstream_st* stream = find_stream(handle);
    if (!stream) return remember(cudaErrorInvalidResourceHandle);
    if (!bytes) return cudaSuccess;
    const Place to = place_of(target, bytes), from = place_of(source, bytes);
    if (!fits(kind, to, from, target, source, bytes)) return remember(cudaErrorInvalidValue);
    const bool capture = stream->capture != nullptr;
    std::function<void()> work = [=] { std::memmove(target, source, bytes); };
    if (to == Place::device && from != Place::device && !capture) work = copy_from_host(target, source, bytes, from);
    if (to != Place::device && from == Place::device && !capture) work = copy_to_host(target, source, bytes);
    if (capture && (synchronous || to == Place::pageable)) return remember(cudaErrorStreamCaptureUnsupported);
    const MarkPointer mark = add(*stream, synchronous ? "cudaMemcpy" : "cudaMemcpyAsync", std::move(work));
    // Copies within the device return at once; so do asynchronous ones, unless pageable memory is written.
    const bool waits = synchronous ? to != Place::device || from != Place::device : to == Place::pageable;
    return waits ? remember(run_until(mark)) : cudaSuccess;
}

cudaError_t fill(void* target, int value, size_t bytes, cudaStream_t stream, const char* what) {
    const std::lock_guard lock(device_mutex());
    if (!bytes) return cudaSuccess;
    if (!is_device_memory(target, bytes) && !is_pinned_memory(target, bytes)) {
        report(fmt::format("{} of {} bytes at {}", what, bytes, describe_address(target)));
        return remember(cudaErrorInvalidValue);
    }
    return remember(enqueue(stream, what, [=] { std::memset(target, value, bytes); }));
}

}  // namespace
}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudaError_t cudaMemcpy(void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
    return copy(target, source, bytes, kind, nullptr, true);
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    return copy(target, source, bytes, kind, stream, false);
}

cudaError_t cudaMemset(void* target, int value, size_t bytes) {
    return fill(target, value, bytes, nullptr, "cudaMemset");
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
    return fill(target, value, bytes, stream, "cudaMemsetAsync");
}
