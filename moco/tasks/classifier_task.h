// Training a classifier as a task, whatever its network starts from: supervised training and fine-tuning.
#pragma once

#include <filesystem>
#include <string>

#include "moco/classifier.h"
#include "moco/data/dataset.h"
#include "moco/tasks/step_runner.h"
#include "moco/train/settings/train_settings.h"
#include "nn/network.h"

namespace moco {

struct ClassifierPlan {
    std::string title;                         // "Supervised training"
    std::string command;                       // "supervised": of the results
    std::filesystem::path results;             // their folder within the run's; "." for that itself
    DatasetPtr train;                          // labelled
    DatasetPtr val = nullptr, test = nullptr;  // evaluated where they are
    NetworkConfig network;
    DepthRates rates = {};
    CrossEntropyOptions loss = {};
    BatchNormMode mode = BatchNormMode::train;  // while it trains
    Schedule schedule;
    int64_t eval_every = 1;
};

class ClassifierTask : public Task {
  public:
    /// `settings` must be valid; it, backend and comm must outlive the task. Throws Error as StepRunner.
    ClassifierTask(const TrainSettings& settings, ClassifierPlan plan, Backend& backend, Communicator& comm);

    std::string title() const override { return plan_.title; }
    std::string about() const override;
    std::vector<std::string> notes() const override;
    void visit(StateVisitor& visitor) override { classifier_.visit(visitor); }
    void warm_start(const std::filesystem::path& file) override;
    void prepare_to_save(Communicator& comm) override;
    const DatasetInfo* classifies() const override { return &plan_.train->info(); }
    LoaderPlan loader_plan() const override;
    const Schedule& schedule() const override { return plan_.schedule; }
    const std::vector<ValueName>& value_names() const override;
    StepValues step(const Batch& batch, const StepPlace& place) override;
    bool evaluation_due(int64_t epoch) const override;
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

  private:
    const TrainSettings& settings_;
    ClassifierPlan plan_;
    Backend& backend_;
    Communicator& comm_;
    Classifier classifier_;
    StepRunner runner_;
};

/// data.train, which must have two classes or more: Throws Error naming what needs them otherwise.
const DatasetPtr& labelled_training_part(const Splits& data, const std::string& spec, const std::string& what);
/// data.test where it is labelled; else null.
DatasetPtr labelled_test_part(const Splits& data);

}  // namespace moco
