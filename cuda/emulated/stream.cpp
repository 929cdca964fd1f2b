#include "cuda/emulated/stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "cuda/emulated/leaks.h"
#include "cuda/emulated/settings.h"
#include "cuda/emulated/stream_state.h"

namespace moco::cuda::emulated {
namespace {

using Streams = std::vector<std::unique_ptr<CUstream_st>>;

CUstream_st& default_stream() {
    return *all_streams().front();
}

bool can_run(const CUstream_st& stream) {
    return !stream.queue.empty() && std::all_of(stream.queue.front().waits.begin(), stream.queue.front().waits.end(),
                                                [](const MarkPointer& wait) { return wait->done; });
}

void drop_drained_streams() {
    std::erase_if(all_streams(), [](const auto& stream) { return stream->destroyed && stream->queue.empty(); });
}

// Runs the first operation of a stream.
void run_front(CUstream_st& stream) {
    const Operation operation = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (operation.work && broken() == cudaSuccess) {
        const DeviceAccess access;
        try {
            operation.work();
            const std::string damage = damaged_red_zone();
            if (!damage.empty()) break_device(cudaErrorIllegalAddress, operation.what + ": " + damage);
        } catch (const std::exception& error) {
            break_device(cudaErrorLaunchFailure, error.what());
        }
    }
    operation.mark->done = true;
    operation.mark->when = std::chrono::steady_clock::now();
}

// What `mark` needs and nothing else.
void run_needed(const MarkPointer& mark) {
    while (!mark->done) {
        CUstream_st& stream = *mark->stream;
        const std::vector<MarkPointer> waits = stream.queue.front().waits;
        for (const MarkPointer& wait : waits) run_needed(wait);
        run_front(stream);
    }
}

// All that can run without the stream of `mark`, the newest stream first.
void run_others(const MarkPointer& mark) {
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = all_streams().size(); i-- > 0;) {
            CUstream_st& stream = *all_streams()[i];
            if (&stream == mark->stream) continue;
            for (; can_run(stream); moved = true) run_front(stream);
        }
    }
}

CUstream_st* random_runnable() {
    std::vector<CUstream_st*> runnable;
    for (const auto& stream : all_streams()) {
        if (can_run(*stream)) runnable.push_back(stream.get());
    }
    return runnable.empty() ? nullptr : runnable[random_below(static_cast<uint32_t>(runnable.size()))];
}

}  // namespace

Streams& all_streams() {
    static Streams& streams = *[] {
        report_leaks_at_exit();
        auto* first = new Streams;  // never deleted: whoever ends last may still use it
        first->push_back(std::make_unique<CUstream_st>());
        return first;
    }();
    return streams;
}

CUstream_st* find_stream(cudaStream_t stream) {
    if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return &default_stream();
    for (const auto& known : all_streams()) {
        if (known.get() == stream && !known->destroyed) return stream;
    }
    return nullptr;
}

MarkPointer add(CUstream_st& stream, const char* what, std::function<void()> work, std::vector<MarkPointer> waits) {
    if (stream.capture) return add_captured(stream, what, std::move(work), waits);
    if (&stream == &default_stream()) {
        for (const auto& other : all_streams()) {
            if (other->blocking && other->last && !other->last->done) waits.push_back(other->last);
        }
    } else if (stream.blocking && default_stream().last && !default_stream().last->done) {
        waits.push_back(default_stream().last);
    }
    auto mark = std::make_shared<Mark>();
    mark->stream = &stream;
    stream.queue.push_back({what, std::move(work), std::move(waits), mark});
    stream.last = mark;
    return mark;
}

cudaError_t run_until(const MarkPointer& mark) {
    if (!mark || mark->done) return broken();
    const DeviceAccess access;  // once for all that runs
    if (settings().schedule == Schedule::reversed && !mark->done) run_others(mark);
    while (settings().schedule == Schedule::random && !mark->done) run_front(*random_runnable());
    run_needed(mark);
    drop_drained_streams();
    return broken();
}

bool run_one() {
    CUstream_st* stream = random_runnable();
    if (stream) run_front(*stream);
    return stream != nullptr;
}

cudaError_t enqueue(cudaStream_t handle, const char* what, std::function<void()> work) {
    const std::lock_guard lock(device_mutex());
    if (broken() != cudaSuccess) return broken();
    CUstream_st* stream = find_stream(handle);
    if (!stream) return remember(cudaErrorInvalidResourceHandle);
    add(*stream, what, std::move(work));
    return cudaSuccess;
}

cudaError_t synchronize_stream(cudaStream_t handle) {
    CUstream_st* stream = find_stream(handle);
    if (!stream) return remember(cudaErrorInvalidResourceHandle);
    if (stream->capture) return remember(cudaErrorStreamCaptureUnsupported);
    return run_until(stream->last);
}

cudaError_t synchronize_device() {
    std::vector<MarkPointer> marks;
    for (const auto& stream : all_streams()) {
        if (stream->capture) return remember(cudaErrorStreamCaptureUnsupported);
        marks.push_back(stream->last);
    }
    if (settings().schedule == Schedule::reversed) std::reverse(marks.begin(), marks.end());
    for (const MarkPointer& mark : marks) run_until(mark);
    return broken();
}

bool is_done(cudaStream_t handle) {
    CUstream_st* stream = find_stream(handle);
    if (stream && stream->last && !stream->last->done) run_one();
    return !stream || !stream->last || stream->last->done;
}

void forget_streams() {
    Streams& streams = all_streams();
    streams.erase(streams.begin() + 1, streams.end());
    default_stream().queue.clear();
    default_stream().last = nullptr;
}

size_t streams_in_use() {
    const std::lock_guard lock(device_mutex());
    return static_cast<size_t>(
        std::count_if(all_streams().begin() + 1, all_streams().end(), [](const auto& s) { return !s->destroyed; }));
}

}  // namespace moco::cuda::emulated
