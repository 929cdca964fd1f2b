// What a run tells whoever watches it: the log, TensorBoard, the program's progress bar, tests. The run does not care.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "moco/train/diagnostics_report.h"
#include "moco/train/task.h"

namespace moco {

/// What is about to happen, before the first step.
struct RunPlan {
    std::filesystem::path folder;
    std::string title, about;       // the task's
    std::vector<ValueName> values;  // what every step reports
    std::string data;               // name of the data set
    int64_t train_images = 0;       // in one epoch
    int64_t epochs = 0;
    int64_t steps_per_epoch = 0;
    int64_t first_step = 1;    // > 1 when a run goes on; > last_step when all are done
    int64_t ending_epoch = 0;  // its steps are done, its evaluation and log line are to come first; 0: none
    int64_t last_step = 0;     // the number of the run's last step
    int64_t batch_size = 0;
};

/// One step. Sent every step; `logged` marks those that also stand in metrics.jsonl.
struct StepReport {
    int64_t epoch = 0;           // counted from 1
    int64_t step = 0;            // steps done in the whole run, counted from 1
    int64_t step_in_epoch = 0;   // counted from 1
    std::vector<double> values;  // in the plan's order; the first is the loss
    double lr = 0;
    double images_per_s = 0;  // over the last steps
    double seconds_left = 0;  // to the end of the run, evaluations included as far as they are known
    bool logged = false;
};

struct EpochReport {
    int64_t epoch = 0;  // counted from 1
    int64_t step = 0;
    std::vector<double> values;  // means over the epoch, in the plan's order
    double lr = 0;               // of the last step
    std::optional<EvaluationReport> evaluation;
    int64_t skipped_images = 0;  // unreadable ones that were replaced in this epoch
    double images_per_s = 0;
    double waited_s = 0;  // of the training, for the loader
    double seconds = 0;   // of the training, without the evaluation
};

/// Every function may be left out; all are called from the training thread, run_starts first.
class RunObserver {
  public:
    virtual ~RunObserver() = default;
    virtual void run_starts(const RunPlan&) {}
    /// What was measured before the first step.
    virtual void baselines(const EvaluationReport&) {}
    virtual void step_done(const StepReport&) {}
    /// An image of the batch of `step` could not be read and was replaced.
    virtual void unreadable(int64_t /*epoch*/, int64_t /*step*/, const Unreadable&) {}
    /// An evaluation begins and will take a while ("kNN of the backbone: 60000 images").
    virtual void evaluating(const std::string&) {}
    virtual void epoch_done(const EpochReport&) {}
    /// What diagnostics saw after a step.
    virtual void diagnosed(const DiagnosticsReport&) {}
    /// Something seems to be wrong.
    virtual void alarmed(int64_t /*epoch*/, int64_t /*step*/, const Alarm&) {}
    /// What was told so far must be on the disk when this returns: a checkpoint that counts on it follows.
    virtual void flush() {}
    virtual void checkpoint_saved(const std::filesystem::path&) {}
    /// A sentence worth showing: a resume on another instruction set, an evaluation that cannot be.
    virtual void note(const std::string&) {}
};

}  // namespace moco
