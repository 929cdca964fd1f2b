// The training step as one piece of work that the device repeats by itself (a CUDA graph): recorded once, then replayed
// with new images and numbers, so that the host no longer issues its thousand calls one by one. The bits are the same.
#pragma once

#include <memory>

#include "core/recording.h"
#include "moco/train_step.h"

namespace moco {

/// Which step is recorded: algorithm_1 or symmetric_algorithm_1.
enum class StepKind { one_way, symmetric };

class RecordedStep {
  public:
    /// Of a process without other ranks. `moco` must outlive it. Throws Error if its device cannot record.
    RecordedStep(Moco& moco, StepKind kind);
    ~RecordedStep();

    /// One step on views and numbers of the same shape and temperature each time. The first ones only warm up: then the
    /// device chooses its algorithms and its allocator gets the memory. The result's tensors are overwritten by the
    /// next step.
    StepResult run(const Views& x, const StepNumbers& numbers);

  private:
    void place(const Views& x, const StepNumbers& numbers);
    void note_replay(int64_t N);
    int passes() const { return kind_ == StepKind::symmetric ? 2 : 1; }  // of each encoder

    Moco& moco_;
    const StepKind kind_;
    int64_t steps_ = 0;
    SingleProcess comm_;
    StepClock no_clock_;
    // What a recorded step reads, always in the same memory; and its result.
    Views x_;
    PlacedNumbers numbers_;
    StepResult result_;
    std::unique_ptr<Recording> recording_;  // last: it goes before the memory that it uses
};

}  // namespace moco
