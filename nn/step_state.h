// The numbers that change with every step, where the update kernels read them: in device memory.
#pragma once

#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// A StepState (learning rate, m, queue pointer) on the device. The training loop sets it once a step; sgd_update,
/// momentum_update and enqueue read it, so that a captured graph replays with new values.
class DeviceStepState {
  public:
    /// All zero until set. `backend` must outlive it.
    explicit DeviceStepState(Backend& backend);

    void set(const StepState& state);
    /// What was set last (the host's copy).
    const StepState& host() const { return host_; }
    /// Device memory, for the update functions of Backend.
    const StepState* data() const;

  private:
    StepState host_;
    Tensor memory_;  // u8, sizeof(StepState)
};

}  // namespace moco
