// Supervised training as a task: a network with a linear classifier, cross-entropy, accuracy on the test part.
#pragma once

#include "moco/tasks/classifier_task.h"
#include "moco/tasks/supervised_settings.h"

namespace moco {

class Supervised final : public ClassifierTask {
  public:
    using Settings = SupervisedSettings;

    /// `settings` must be valid. All must outlive the task. Throws Error if the data has no labels, or as StepRunner.
    Supervised(const SupervisedSettings& settings, const Splits& data, Backend& backend, Communicator& comm);
};

}  // namespace moco
