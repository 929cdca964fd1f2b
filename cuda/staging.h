// Page-locked host memory through which all copies between host and device go: only from there does the device copy by
// itself while the host goes on.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/stream.h"

namespace moco::cuda {

/// One page-locked buffer and the event after which it may be written again.
class PinnedBuffer {
  public:
    explicit PinnedBuffer(size_t bytes);
    ~PinnedBuffer();
    PinnedBuffer(const PinnedBuffer&) = delete;
    PinnedBuffer& operator=(const PinnedBuffer&) = delete;

    void* data() const { return memory_; }
    size_t bytes() const { return bytes_; }
    Event& event() { return event_; }

  private:
    void* memory_ = nullptr;
    size_t bytes_;
    Event event_;
};

/// Buffers in use come back when the device has passed their event. Thread-safe.
class Staging {
  public:
    Staging() = default;
    Staging(const Staging&) = delete;
    Staging& operator=(const Staging&) = delete;

    /// Copies `bytes` of host memory to `target` in `stream`'s order. The source is read before this returns; the
    /// device is not waited for, unless all buffers are still on their way.
    void upload(void* target, const void* source_host, size_t bytes, cudaStream_t stream);
    /// Copies `bytes` of device memory to the host in `stream`'s order; returns when they are there.
    void download(void* target_host, const void* source, size_t bytes, cudaStream_t stream);

    /// A buffer of at least `bytes` that nothing uses, the caller's until give_back.
    std::unique_ptr<PinnedBuffer> take(size_t bytes);
    /// `buffer` may be used by another once its event has passed.
    void give_back(std::unique_ptr<PinnedBuffer> buffer);
    /// Page-locked memory that was ever taken.
    size_t bytes_held() const;

  private:
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<PinnedBuffer>> idle_;  // perhaps still on their way, the oldest first
    size_t held_ = 0;
};

}  // namespace moco::cuda
