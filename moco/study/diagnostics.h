// Diagnostics of MoCo's pretraining: why the loss is what it is (docs/reading-a-run.md).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.h"
#include "moco/model.h"
#include "moco/study/alarms.h"
#include "moco/study/key_consistency.h"
#include "moco/study/queue_watch.h"
#include "moco/study/similarity_watch.h"
#include "moco/tasks/pretraining.h"
#include "moco/train/diagnostics.h"
#include "nn/tensor_file.h"

namespace moco {

/// Every --log-every steps: similarities of the first queries of a step, and the gradient's norm. Every
/// KeyConsistency::kEvery steps: how fast keys change. Every QueueWatch::kEvery steps: what the queue holds. With
/// several ranks, the first one's.
class PretrainingDiagnostics final : public Diagnostics, public StepClock {
  public:
    /// All must outlive this. The task's mechanism is MoCo, and nobody else has its clock.
    PretrainingDiagnostics(Pretraining& task, const PretrainSettings& settings, const Splits& data, Backend& backend,
                           Communicator& comm);
    ~PretrainingDiagnostics() override;

    void before_step(const Batch& batch, int64_t step) override;
    bool due() const override { return due_; }
    DiagnosticsReport after_step() override;
    std::vector<Alarm> new_alarms() override;
    void visit(StateVisitor& visitor) override;
    void take_up(const std::filesystem::path& checkpoint, const std::filesystem::path& folder,
                 int64_t log_lines) override;

    void run_starts(const RunPlan& plan) override { keeper_.run_starts(plan); }
    void step_done(const StepReport& report) override { keeper_.step_done(report); }
    void epoch_done(const EpochReport& report) override { keeper_.epoch_done(report); }
    void diagnosed(const DiagnosticsReport& report) override { keeper_.diagnosed(report); }
    void alarmed(int64_t epoch, int64_t step, const Alarm& alarm) override { keeper_.alarmed(epoch, step, alarm); }

    void compared(const Tensor& q, const Tensor& k, const Tensor& negatives) override;

  private:
    std::vector<int64_t> indices_of_all_ranks(const Batch& batch);
    void report_loss(DiagnosticsReport& report);
    std::string summary(const DiagnosticsReport& report);
    bool looks() const { return comm_.rank() == 0; }
    bool follows(int64_t step) const { return consistency_ && consistency_->wants(step); }
    bool fits(const TensorFile& file) const;

    Moco& moco_;
    Communicator& comm_;
    int64_t log_every_;
    RunFacts facts_;
    SimilarityWatch similarities_;
    std::optional<KeyConsistency> consistency_;  // of rank 0, where it has images
    QueueWatch queue_;
    HistoryKeeper keeper_;

    bool due_ = false;
    bool similarities_wanted_ = false;
    int64_t step_ = 0;
    DiagnosticsReport report_;              // of the step that runs
    std::map<std::string, double> latest_;  // values, by name
};

/// Those of a run, or null where its settings switch them off or choose another mechanism.
std::unique_ptr<Diagnostics> diagnostics_of(Pretraining& task, const PretrainSettings& settings, const Splits& data,
                                            Backend& backend, Communicator& comm);

}  // namespace moco
