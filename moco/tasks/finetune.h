// Fine-tuning as a task: a trained encoder goes on learning with a new classifier, with all labels or a few (He et al.,
// Sec. 4.2, train all layers end to end; the shares of labels are those of Henaff et al. and Chen et al.).
#pragma once

#include "moco/tasks/classifier_task.h"
#include "moco/tasks/finetune_settings.h"

namespace moco {

class Finetune final : public ClassifierTask {
  public:
    using Settings = FinetuneSettings;

    /// `settings` must be valid and complete. All must outlive the task. Throws Error if the data has no labels, or
    /// fewer of a class than --labels asks for, or as StepRunner.
    Finetune(const FinetuneSettings& settings, const Splits& data, Backend& backend, Communicator& comm);

    std::vector<std::string> notes() const override;
    void warm_start(const std::filesystem::path& file) override;
    /// Besides the results, writes labels.csv: the images whose labels are used.
    std::optional<EvaluationReport> evaluate(const EvaluationPlace& place) override;

  private:
    Finetune(const FinetuneSettings& settings, const Splits& data, LabelledParts parts, Backend& backend,
             Communicator& comm);

    const FinetuneSettings& settings_;
    DatasetPtr whole_;  // the training part
    LabelledParts parts_;
};

}  // namespace moco
