// Numbers on their way from the device. A step is given to the device without waiting for the one before; what it
// reports comes home later, in the order of the steps.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/readback.h"
#include "moco/train/task.h"

namespace moco {

/// A step that the device was given.
struct IssuedStep {
    int64_t epoch = 0, step = 0, step_in_epoch = 0;  // all counted from 1; step: of the whole run
    double lr = 0;
    std::vector<Unreadable> unreadable;  // of its batch
};

struct FinishedStep {
    IssuedStep step;
    std::vector<double> values;  // in the order of Task::value_names()
};

/// when_behind: only for steps that lie further back than may be. always: for every step.
enum class WaitForSteps { when_behind, always };

/// The oldest first. One thread.
class StepResults {
  public:
    /// At most `most_ahead` (at least 1) steps are left unreported before take waits. Where the backend is done when
    /// its calls return, results are there at once.
    explicit StepResults(int64_t most_ahead) : most_ahead_(most_ahead) {}

    void add(IssuedStep step, const StepValues& values);
    /// The oldest step, once its results are there; nothing if they are not and need not be waited for.
    std::optional<FinishedStep> take(WaitForSteps wait);
    bool empty() const { return under_way_.empty(); }

  private:
    struct Value {
        std::unique_ptr<Readback> scalar;
        double times, divided_by;
    };
    struct UnderWay {
        IssuedStep step;
        std::vector<Value> values;

        bool ready() const;
    };

    int64_t most_ahead_;
    std::deque<UnderWay> under_way_;
};

}  // namespace moco
