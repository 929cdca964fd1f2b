// Streams and events that destroy themselves.
#pragma once

#include <cuda_runtime_api.h>

namespace moco::cuda {

/// A point in a stream. Not thread-safe.
class Event {
  public:
    Event();
    ~Event();
    Event(Event&& other) noexcept;
    Event& operator=(Event&& other) noexcept;

    /// Marks the end of what `stream` was given so far; a mark made before is forgotten.
    void record(cudaStream_t stream);
    /// Whether everything before the mark is done. True before the first mark.
    bool done() const;
    /// Returns when everything before the mark is done.
    void wait() const;
    cudaEvent_t get() const { return event_; }

  private:
    cudaEvent_t event_ = nullptr;
};

/// An order of work on the device. What it is given may come from any thread.
class Stream {
  public:
    Stream();
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// What this stream is given from now on starts after the event's mark. The calling thread goes on.
    void wait_for(const Event& event);
    /// Returns when everything that the stream was given is done.
    void synchronize() const;
    cudaStream_t get() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace moco::cuda
