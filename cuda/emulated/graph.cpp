// Graphs of the runtime: work that is captured once and run again and again, in any order that its edges leave open.
#include <cuda_runtime_api.h>

#include <algorithm>

#include "cuda/emulated/settings.h"
#include "cuda/emulated/stream_state.h"

namespace moco::cuda::emulated {

struct Node {
    std::string what;
    std::function<void()> work;
    std::vector<size_t> after;  // nodes
};

struct Graph {
    CUstream_st* origin = nullptr;
    cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
    std::vector<Node> nodes;
};

bool capture_forbids_allocation() {
    return std::any_of(all_streams().begin(), all_streams().end(), [](const auto& stream) {
        return stream->capture && stream->capture->mode != cudaStreamCaptureModeRelaxed;
    });
}

MarkPointer add_captured(CUstream_st& stream, const char* what, std::function<void()> work,
                         const std::vector<MarkPointer>& waits) {
    Graph& graph = *stream.capture;
    Node node{what, std::move(work), {}};
    if (stream.captured) node.after.push_back(stream.captured->node);
    for (const MarkPointer& wait : waits) {
        if (wait->graph == &graph) node.after.push_back(wait->node);
    }
    graph.nodes.push_back(std::move(node));
    stream.captured = std::make_shared<Mark>();
    stream.captured->graph = &graph;
    stream.captured->node = graph.nodes.size() - 1;
    return stream.captured;
}

namespace {

// Runs every node once, after those it comes after.
void run_graph(const std::vector<Node>& nodes) {
    std::vector<bool> done(nodes.size());
    for (size_t left = nodes.size(); left; --left) {
        std::vector<size_t> ready;
        for (size_t i = 0; i < nodes.size(); ++i) {
            const auto& after = nodes[i].after;
            if (!done[i] && std::all_of(after.begin(), after.end(), [&](size_t a) { return done[a]; }))
                ready.push_back(i);
        }
        size_t next = ready.front();
        if (settings().schedule == Schedule::reversed) next = ready.back();
        if (settings().schedule == Schedule::random) next = ready[random_below(static_cast<uint32_t>(ready.size()))];
        if (nodes[next].work) nodes[next].work();
        done[next] = true;
    }
}

// Whether all that was captured comes before the origin's last operation.
bool joined(const Graph& graph, const MarkPointer& last) {
    std::vector<bool> before(graph.nodes.size());
    if (last) before[last->node] = true;
    for (size_t i = graph.nodes.size(); i-- > 0;) {
        if (!before[i]) continue;
        for (const size_t a : graph.nodes[i].after) before[a] = true;
    }
    return std::all_of(before.begin(), before.end(), [](bool b) { return b; });
}

}  // namespace
}  // namespace moco::cuda::emulated

struct CUgraph_st : moco::cuda::emulated::Graph {};
struct CUgraphExec_st {
    std::shared_ptr<const std::vector<moco::cuda::emulated::Node>> nodes;
};

using namespace moco::cuda::emulated;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* found = find_stream(stream);
    if (!found || found == find_stream(nullptr)) return remember(cudaErrorStreamCaptureUnsupported);
    if (found->capture) return remember(cudaErrorIllegalState);
    found->capture = new CUgraph_st;
    found->capture->origin = found;
    found->capture->mode = mode;
    return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* found = find_stream(stream);
    if (!found || !status) return remember(cudaErrorInvalidValue);
    *status = found->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    const std::lock_guard lock(device_mutex());
    CUstream_st* found = find_stream(stream);
    if (!found || !graph || !found->capture) return remember(cudaErrorIllegalState);
    Graph* captured = found->capture;
    if (captured->origin != found) return remember(cudaErrorStreamCaptureUnmatched);
    *graph = static_cast<CUgraph_st*>(captured);
    const bool whole = joined(*captured, found->captured);
    for (const auto& other : all_streams()) {
        if (other->capture != captured) continue;
        other->capture = nullptr;
        other->captured = nullptr;
    }
    if (whole) return cudaSuccess;
    delete *graph;
    *graph = nullptr;
    return remember(cudaErrorStreamCaptureUnjoined);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
    if (!executable || !graph) return remember(cudaErrorInvalidValue);
    *executable = new CUgraphExec_st{std::make_shared<const std::vector<Node>>(graph->nodes)};
    return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
    if (!graph || !count || nodes) return remember(cudaErrorInvalidValue);
    *count = graph->nodes.size();
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    if (!executable) return remember(cudaErrorInvalidValue);
    return enqueue(stream, "cudaGraphLaunch", [nodes = executable->nodes] { run_graph(*nodes); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
