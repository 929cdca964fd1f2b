// The linear probe as a task: how much of the classes lies open in a frozen encoder's features.
#pragma once

#include <optional>
#include <vector>

#include "moco/data/subset.h"
#include "moco/eval/features.h"
#include "moco/eval/logistic_regression.h"
#include "moco/linear_probe.h"
#include "moco/tasks/probe_settings.h"
#include "moco/tasks/results.h"
#include "moco/tasks/step_runner.h"

namespace moco {

class Probe final : public Task {
  public:
    using Settings = ProbeSettings;

    /// `settings` must be valid. All must outlive the task. Throws Error if the data has no labels, or as StepRunner.
    Probe(const ProbeSettings& settings, const Splits& data, Backend& backend, Communicator& comm);

    std::string title() const override { return "Linear probe"; }
    std::string about() const override;
    std::vector<std::string> notes() const override;
    void visit(StateVisitor& visitor) override;
    void warm_start(const std::filesystem::path& file) override;
    const DatasetInfo* classifies() const override { return &train_->info(); }
    LoaderPlan loader_plan() const override;
    const Schedule& schedule() const override { return schedule_; }
    const std::vector<ValueName>& value_names() const override;
    StepValues step(const Batch& batch, const StepPlace& place) override;
    bool evaluation_due(int64_t epoch) const override;
    /// After the last epoch also checks that the encoder is what it was: throws Error otherwise.
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

  private:
    /// The images of a part and, once asked for, their features.
    struct Part {
        std::string name;  // "test"
        DatasetPtr data;   // null: there is none
        std::optional<Features> features = {};
    };
    /// Of every image of the training part, by index; images that cannot be read have the row of the one before them.
    struct CachedRows {
        Tensor rows;                  // n x d
        std::vector<int64_t> row_of;  // by index within the training part
        std::vector<int64_t> labels;  // of each row
        Features unreadable = {};     // names the images that have none, until an evaluation has told of them
    };

    bool cached() const { return settings_.features == "cached"; }
    bool fits() const { return settings_.solver == "lbfgs"; }
    const CachedRows& cached_rows();
    StepResult fit_heads();
    std::vector<double> head_settings() const;
    bool read_features(Part& part, const EvaluationPlace& place);
    std::vector<ClassificationScores> scores_of_heads(const Part& part);
    void check_frozen() const;
    int64_t fingerprint_of_frozen() const;

    const ProbeSettings& settings_;
    const Splits& data_;
    Backend& backend_;
    Communicator& comm_;
    DatasetPtr train_;
    Part val_, test_;
    Schedule schedule_;
    LinearProbe probe_;
    StepRunner runner_;
    std::optional<CachedRows> cached_;
    int64_t best_head_ = 0;
    int64_t frozen_fingerprint_ = 0;
};

}  // namespace moco
