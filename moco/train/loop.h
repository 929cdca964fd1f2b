// The training loop around a task's steps: epochs, schedule, stop, resume, evaluations, log and checkpoints.
//
// A program does:
//     Settings settings = resolve_settings<Settings>({file, flags});  // or resume_settings
//     Splits data = open_dataset(settings.data.spec);
//     Pretraining task(settings, data, backend, comm);
//     train(task, {command, settings, table}, backends, {&bar}, comm, stop);
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "moco/data/make_views.h"
#include "moco/train/diagnostics.h"
#include "moco/train/observer.h"
#include "moco/train/run_folder.h"
#include "moco/train/task.h"

namespace moco {

enum class RunEnd { finished, stopped };

struct RunSummary {
    RunEnd end = RunEnd::finished;
    int64_t step = 0;                            // steps done in the whole run
    double seconds = 0;                          // of this process
    std::optional<EvaluationReport> evaluation;  // the last one of this process
    std::optional<EvaluationReport> baselines;
    int64_t skipped_images = 0;        // of this process
    std::filesystem::path folder;      // of the run
    std::filesystem::path checkpoint;  // the last one written
};

/// A run as its command describes it. All must outlive the run.
struct RunDescription {
    std::string command;            // "pretrain"
    const TrainSettings& settings;  // validated
    const SettingTable& table;      // over them
    RunStart start = RunStart::fresh;
    Diagnostics* diagnostics = nullptr;  // null: nobody looks inside
};

/// Trains, and returns when the last epoch (or --max-steps) is done or `stop` became true, which is looked at before
/// every step; either way the checkpoint is saved. Calls the task and the observers from this thread. With several
/// ranks each calls this with a task of its own, and only rank 0 writes; `stop` on one of them stops all. The task and
/// `backends` are on the same device. Throws Error, in one sentence, for impossible settings, unreadable files, a loss
/// that is not finite (the checkpoint before it is kept), a full disk.
RunSummary train(Task& task, const RunDescription& run, const ViewBackends& backends,
                 const std::vector<RunObserver*>& observers, Communicator& comm, const StopFlag& stop);

}  // namespace moco
