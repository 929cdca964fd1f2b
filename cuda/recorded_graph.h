// A CUDA graph: what a stream was given, recorded once and launched as a whole.
#pragma once

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/recording.h"
#include "cuda/memory.h"
#include "cuda/staging.h"
#include "cuda/stream.h"

namespace moco::cuda {

class RecordedGraph final : public Recording {
  public:
    /// Empty; `stream` and `memory` must outlive it.
    RecordedGraph(Stream& stream, MemoryPool& memory) : stream_(stream), memory_(memory) {}
    ~RecordedGraph() override;
    RecordedGraph(const RecordedGraph&) = delete;
    RecordedGraph& operator=(const RecordedGraph&) = delete;

    /// Calls work and records what it gives the stream and which memory it uses. If work throws, so does this, and the
    /// stream computes again as before.
    void record(const std::function<void()>& work);
    /// For work: a copy that every replay repeats, from a copy of the bytes that the graph keeps.
    void copy_from_host(void* target, const void* source_host, size_t bytes, cudaStream_t stream);
    /// For work: what the host does with every replay, before the device's work.
    void beside(std::function<void()> effect) { effects_.push_back(std::move(effect)); }
    void replay() override;

  private:
    Stream& stream_;
    MemoryPool& memory_;
    MemoryPool::Kept kept_;
    std::vector<std::unique_ptr<PinnedBuffer>> constants_;
    std::vector<std::function<void()>> effects_;
    cudaGraphExec_t executable_ = nullptr;
};

}  // namespace moco::cuda
