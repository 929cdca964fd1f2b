// Pretraining by Momentum Contrast as a task: the method of moco/train_step.h, watched by the kNN monitor.
#pragma once

#include <optional>

#include "core/communicator.h"
#include "moco/data/dataset.h"
#include "moco/eval/knn_monitor.h"
#include "moco/model.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/step_runner.h"
#include "moco/train_step.h"

namespace moco {

class Pretraining final : public Task {
  public:
    using Settings = PretrainSettings;

    /// `settings` must be valid. All must outlive the task. Throws Error as StepRunner.
    Pretraining(const PretrainSettings& settings, const Splits& data, Backend& backend, Communicator& comm);

    std::string title() const override { return "MoCo"; }
    std::string about() const override;
    std::vector<std::string> notes() const override;
    void visit(StateVisitor& visitor) override { moco_.visit(visitor); }
    void warm_start(const std::filesystem::path& file) override;
    void prepare_to_save(Communicator& comm) override;
    LoaderPlan loader_plan() const override;
    const Schedule& schedule() const override { return schedule_; }
    const std::vector<ValueName>& value_names() const override;
    StepValues step(const Batch& batch, const StepPlace& place) override;
    bool evaluation_due(int64_t epoch) const override;
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

    const Moco& moco() const { return moco_; }
    Moco& moco() { return moco_; }

  private:
    StepNumbers numbers(const StepPlace& place) const;

    const PretrainSettings& settings_;
    const Splits& data_;
    Communicator& comm_;
    Schedule schedule_;
    Moco moco_;
    std::optional<KnnMonitor> knn_;
    StepRunner runner_;
};

}  // namespace moco
