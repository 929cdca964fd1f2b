// Work of the loader's threads beside the computing: augmentation and copies of batches, in a stream of its own,
// ordered with the computing by events.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda/memory.h"
#include "cuda/staging.h"
#include "cuda/stream.h"

namespace moco::cuda {

/// Thread-safe.
class SideLane {
  public:
    /// `computing`: the stream that uses what the lane writes. `staging` must outlive the lane.
    SideLane(Stream& computing, Staging& staging, Caching caching);

    /// One piece of work for the lane.
    class Turn {
      public:
        explicit Turn(SideLane& lane) : lane_(lane) {}
        ~Turn();
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

        /// Where to launch.
        cudaStream_t stream() const { return lane_.stream_.get(); }
        /// Device memory for this turn's work, until its end.
        void* scratch(size_t bytes);
        /// Copies host memory, which is read before this returns, to `target` in the lane's order.
        void upload(void* target, const void* source_host, size_t bytes);

      private:
        SideLane& lane_;
        std::vector<std::pair<void*, size_t>> scratch_;
    };

    /// Calls work, which gives the lane what writes [target, target + bytes) and nothing else that others see. Waits
    /// for other threads' turns, not for the device: the work starts when everything is done that the computing was
    /// given before, so it may write memory that the computing read.
    void run(void* target, size_t bytes, const std::function<void(Turn&)>& work);

    /// Makes what the computing is given from now on start after the turns that wrote anything within
    /// [memory, memory + bytes). The calling thread goes on.
    void await(const void* memory, size_t bytes);
    /// No other thread has a turn while this is held: for the capture of a graph.
    std::unique_lock<std::mutex> hold() { return std::unique_lock(turn_); }
    void synchronize() { stream_.synchronize(); }

  private:
    struct Written {
        const char* begin;
        const char* end;
        Event event;
    };
    void note_written(void* target, size_t bytes);
    Event take_event();

    Stream& computing_;
    Staging& staging_;
    MemoryPool memory_;  // before stream_: the stream is idle when its memory goes
    Stream stream_;
    std::mutex turn_;
    Event computed_;
    // What the computing has to do with the lane has a lock of its own: it is never held for long.
    std::mutex books_;
    std::deque<Written> written_;  // by turns whose end the computing has not waited for yet, in their order
    std::vector<Event> events_;    // for further turns
};

}  // namespace moco::cuda
