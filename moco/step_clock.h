// Who wants to know how long the parts of a step take, or what they hold.
#pragma once

#include "core/tensor.h"

namespace moco {

enum class StepPhase { encode, loss, backward, update };

/// Told when a part of the step begins; the last one ends when the step returns. Both may be left out.
class StepClock {
  public:
    virtual ~StepClock() = default;
    virtual void enter(StepPhase /*phase*/) {}
    /// Is shown queries and their positive keys, N x C each, of one part and direction, before the loss compares them
    /// with each other and with `negatives`, K x C. Not where a step is replayed.
    virtual void compared(const Tensor& /*q*/, const Tensor& /*k*/, const Tensor& /*negatives*/) {}
};

}  // namespace moco
