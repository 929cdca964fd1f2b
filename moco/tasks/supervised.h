// Supervised training as a task: a network with a linear classifier, cross-entropy, accuracy on the test part.
#pragma once

#include "moco/classifier.h"
#include "moco/data/dataset.h"
#include "moco/tasks/step_runner.h"
#include "moco/tasks/supervised_settings.h"

namespace moco {

class Supervised final : public Task {
  public:
    using Settings = SupervisedSettings;

    /// `settings` must be valid. All must outlive the task. Throws Error if the data has no labels, or as StepRunner.
    Supervised(const SupervisedSettings& settings, const Splits& data, Backend& backend, Communicator& comm);

    std::string title() const override { return "Supervised training"; }
    std::string about() const override;
    std::vector<std::string> notes() const override;
    void visit(StateVisitor& visitor) override { classifier_.visit(visitor); }
    void warm_start(const std::filesystem::path& file) override;
    void prepare_to_save(Communicator& comm) override;
    LoaderPlan loader_plan() const override;
    const Schedule& schedule() const override { return schedule_; }
    const std::vector<ValueName>& value_names() const override;
    StepValues step(const Batch& batch, const StepPlace& place) override;
    bool evaluation_due(int64_t epoch) const override;
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

  private:
    const SupervisedSettings& settings_;
    const Splits& data_;
    Backend& backend_;
    Communicator& comm_;
    Schedule schedule_;
    Classifier classifier_;
    StepRunner runner_;
};

}  // namespace moco
