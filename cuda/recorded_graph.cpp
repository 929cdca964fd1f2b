// Capture is relaxed: within it the allocator may still ask the device for memory, where the step before did not leave
// enough. Nothing else that is unsafe there happens: the side lane's threads are held off meanwhile.
#include "cuda/recorded_graph.h"

#include <cstring>

#include "core/error.h"
#include "cuda/check.h"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

struct GraphDestroyer {
    void operator()(CUgraph_st* graph) const { cudaGraphDestroy(graph); }
};
using Graph = std::unique_ptr<CUgraph_st, GraphDestroyer>;

/// Ends a capture. Null if it has failed.
Graph end_capture(cudaStream_t stream, cudaError_t& status) {
    cudaGraph_t graph = nullptr;
    status = cudaStreamEndCapture(stream, &graph);
    return Graph(graph);
}

}  // namespace

RecordedGraph::~RecordedGraph() {
    cudaStreamSynchronize(stream_.get());  // a replay may still run
    if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
    memory_.give_back(kept_);
}

void RecordedGraph::record(const std::function<void()>& work) {
    check_cuda(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    memory_.begin_noting();
    cudaError_t status = cudaSuccess;
    try {
        work();
    } catch (...) {
        kept_ = memory_.end_noting();
        end_capture(stream_.get(), status);
        cudaGetLastError();
        throw;
    }
    kept_ = memory_.end_noting();
    const Graph graph = end_capture(stream_.get(), status);
    check_cuda(status, "cudaStreamEndCapture");
    check_cuda(cudaGraphInstantiate(&executable_, graph.get(), 0), "cudaGraphInstantiate");
}

void RecordedGraph::copy_from_host(void* target, const void* source_host, size_t bytes, cudaStream_t stream) {
    if (bytes == 0) return;
    constants_.push_back(std::make_unique<PinnedBuffer>(bytes));
    std::memcpy(constants_.back()->data(), source_host, bytes);
    check_cuda(cudaMemcpyAsync(target, constants_.back()->data(), bytes, cudaMemcpyHostToDevice, stream),
               fmt::format("the recorded copy of {} bytes to the device", bytes));
}

void RecordedGraph::replay() {
    for (const std::function<void()>& effect : effects_) effect();
    check_cuda(cudaGraphLaunch(executable_, stream_.get()), "cudaGraphLaunch");
}

std::unique_ptr<Recording> KernelBackend::record(const std::function<void()>& work) {
    check(graph_ == nullptr, "record: another recording is under way");
    auto graph = std::make_unique<RecordedGraph>(stream_, memory_);
    const std::unique_lock loaders_wait = lane_.hold();
    graph_ = graph.get();
    try {
        graph->record(work);
    } catch (...) {
        graph_ = nullptr;
        throw;
    }
    graph_ = nullptr;
    return graph;
}

void KernelBackend::beside_work(std::function<void()> effect) {
    graph_ != nullptr ? graph_->beside(std::move(effect)) : effect();
}

}  // namespace moco::cuda
