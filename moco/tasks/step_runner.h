// How a task's steps are given to the device, and what they report.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "moco/step_result.h"
#include "moco/train/recorded_step.h"
#include "moco/train/settings/run.h"
#include "moco/train/task.h"

namespace moco {

/// The names of the two values that StepRunner reports: the loss, and an accuracy as log, people and progress bar call
/// it.
std::vector<ValueName> loss_and(const std::string& name, const std::string& text, const std::string& short_text);

/// Issues steps call by call or, with --cuda-graph, replays them.
class StepRunner {
  public:
    /// Throws Error if the device cannot record a step that is to be replayed, or if there are several ranks.
    StepRunner(const MachineSettings& machine, Backend& backend, Communicator& comm);

    /// One step: `work` on `inputs` (RecordedStep::run); reports loss and accuracy.
    StepValues run(const std::vector<Tensor*>& inputs, const std::function<StepResult()>& work);

  private:
    std::optional<RecordedStep> recorded_;
};

}  // namespace moco
