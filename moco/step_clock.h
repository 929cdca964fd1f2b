// Who wants to know how long the parts of a step take, or what they hold.
#pragma once

namespace moco {

enum class StepPhase { encode, loss, backward, update };

/// Told when a part of the step begins; the last one ends when the step returns.
class StepClock {
  public:
    virtual ~StepClock() = default;
    virtual void enter(StepPhase phase) = 0;
};

}  // namespace moco
