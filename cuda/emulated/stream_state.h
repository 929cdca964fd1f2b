// What stream.cpp, event.cpp and graph.cpp share: the work that waits, and what it waits for.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {

struct Graph;

/// A point in a stream's work: done when all before it is.
struct Mark {
    bool done = false;
    CUstream_st* stream = nullptr;
    Graph* graph = nullptr;  // in which it was captured
    size_t node = 0;         // there
    std::chrono::steady_clock::time_point when;
};

using MarkPointer = std::shared_ptr<Mark>;

struct Operation {
    std::string what;
    std::function<void()> work;  // empty: only a point to wait for
    std::vector<MarkPointer> waits;
    MarkPointer mark;
};

/// The default stream and those that are not destroyed or not yet done, in the order of their creation.
std::vector<std::unique_ptr<CUstream_st>>& all_streams();
/// The stream of a handle; null if there is none.
CUstream_st* find_stream(cudaStream_t stream);

/// Adds an operation with its implied dependencies; returns its mark. Within a capture, to the graph.
MarkPointer add(CUstream_st& stream, const char* what, std::function<void()> work, std::vector<MarkPointer> waits = {});
/// Runs work until `mark` is done. Returns cudaSuccess or what the device is broken with.
cudaError_t run_until(const MarkPointer& mark);
/// Runs one operation that can run; false if there is none.
bool run_one();

/// Captured work (graph.cpp): adds an operation to the graph that `stream` is captured in.
MarkPointer add_captured(CUstream_st& stream, const char* what, std::function<void()> work,
                         const std::vector<MarkPointer>& waits);
/// Whether a stream is captured in a mode in which memory must not be allocated meanwhile.
bool capture_forbids_allocation();

}  // namespace moco::cuda::emulated

struct CUstream_st {
    bool blocking = true;  // ordered with the default stream
    bool destroyed = false;
    std::deque<moco::cuda::emulated::Operation> queue;
    moco::cuda::emulated::MarkPointer last;  // of the newest operation; null: there was none
    moco::cuda::emulated::Graph* capture = nullptr;
    moco::cuda::emulated::MarkPointer captured;  // the newest operation of that
};

struct CUevent_st {
    moco::cuda::emulated::MarkPointer recorded;  // null: never
    bool timed = true;
};
