// A training step as one piece of work that the device repeats by itself (a CUDA graph): recorded once, then replayed
// with new images and numbers, so that the host no longer issues its thousand calls one by one. The bits are the same.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/recording.h"
#include "moco/train/task.h"

namespace moco {

class RecordedStep {
  public:
    /// Throws Error if the device cannot record. `backend` must outlive this.
    explicit RecordedStep(Backend& backend);
    ~RecordedStep();

    /// One step: `work`, which copies nothing from or to the host and whose constants are the same each time. What
    /// changes lies in `inputs`, tensors of the same shapes each time (undefined ones are passed over): they are copied
    /// into memory that stays, and the handles point there when `work` runs. The first calls only warm up: then the
    /// device chooses its algorithms and its allocator gets the memory. The result's tensors are overwritten by the
    /// next step. Effects on the host are Backend::beside_work's.
    StepValues run(const std::vector<Tensor*>& inputs, const std::function<StepValues()>& work);

  private:
    void place(const std::vector<Tensor*>& inputs);

    Backend& backend_;
    int64_t steps_ = 0;
    std::vector<Tensor> placed_;
    StepValues result_;
    std::unique_ptr<Recording> recording_;  // last: it goes before the memory that it uses
};

}  // namespace moco
