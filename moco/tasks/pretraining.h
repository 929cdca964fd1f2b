// Pretraining as a task: Momentum Contrast or another mechanism of the paper, watched by the kNN monitor.
#pragma once

#include <memory>
#include <optional>

#include "core/communicator.h"
#include "moco/data/dataset.h"
#include "moco/eval/knn_monitor.h"
#include "moco/tasks/mechanism.h"
#include "moco/tasks/pretrain_settings.h"
#include "moco/tasks/step_runner.h"

namespace moco {

/// What its steps report.
const std::vector<ValueName>& pretraining_values();

class Pretraining final : public Task {
  public:
    using Settings = PretrainSettings;

    /// `settings` must be valid. All must outlive the task. Throws Error as StepRunner and make_mechanism.
    Pretraining(const PretrainSettings& settings, const Splits& data, Backend& backend, Communicator& comm);

    std::string title() const override { return mechanism_->title(); }
    std::string about() const override { return mechanism_->about(); }
    std::vector<std::string> notes() const override;
    void visit(StateVisitor& visitor) override { mechanism_->visit(visitor); }
    void warm_start(const std::filesystem::path& file) override;
    void prepare_to_save(Communicator& comm) override;
    LoaderPlan loader_plan() const override;
    const Schedule& schedule() const override { return schedule_; }
    const std::vector<ValueName>& value_names() const override { return pretraining_values(); }
    StepValues step(const Batch& batch, const StepPlace& place) override;
    bool evaluation_due(int64_t epoch) const override;
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

    /// MoCo's state, for who looks inside; null for the other mechanisms.
    Moco* moco() { return mechanism_->moco(); }

  private:
    const PretrainSettings& settings_;
    const Splits& data_;
    Schedule schedule_;
    std::unique_ptr<Mechanism> mechanism_;
    std::optional<KnnMonitor> knn_;
    StepRunner runner_;
};

}  // namespace moco
