// Worker threads that fill batches ahead of their use, in a ring of slots.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace moco {

/// Batches 0, 1, 2, ... are each cut into chunks; workers fill chunks in order, at most `slots` batches at a time.
/// Batch b lives in slot b mod slots until the one after it was asked for.
class BatchPipeline {
  public:
    /// Fills one chunk of one batch. Called from any worker, several at a time, never twice for the same chunk.
    using Fill = std::function<void(int64_t batch, int64_t chunk)>;
    struct Plan {
        int workers = 1;  // 0: next() does the work itself
        int slots = 3;    // at least 2 with workers
        int64_t batches = 0;
        int64_t chunks = 1;
    };

    BatchPipeline(const Plan& plan, Fill fill);
    /// Waits for the chunks that are being filled.
    ~BatchPipeline();
    /// Gives the previous batch's slot free, waits until the next batch is whole and returns its number, which must be
    /// below plan.batches. Rethrows what the first failing chunk of it threw.
    int64_t next();
    double seconds_waited() const { return seconds_waited_; }

  private:
    struct Slot {
        int64_t chunks_done = 0;
        int64_t failed_chunk = -1;
        std::exception_ptr error;
    };
    void work();
    void run_chunk(int64_t batch, int64_t chunk);
    bool may_start() const { return given_ < plan_.batches && given_ <= returned_ + plan_.slots - 1; }

    Plan plan_;
    Fill fill_;
    std::vector<Slot> slots_;
    std::mutex mutex_;
    std::condition_variable work_left_, batch_done_;
    int64_t given_ = 0, given_chunk_ = 0;  // the next chunk that a worker takes
    int64_t handed_out_ = 0;               // batches that next() has returned
    int64_t returned_ = 0;                 // batches whose slot is free again
    bool stop_ = false;
    double seconds_waited_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace moco
