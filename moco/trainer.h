// The training loop around the step: epochs, schedule, loader, kNN monitor, log and checkpoints.
//
// A program does:
//     RunConfig config = resolve_config({file, flags});           // or resume_config(folder, flags)
//     set_threads(config.threads);
//     Splits data = open_dataset(config.data);
//     RunSummary summary = pretrain(config, RunStart::fresh, data, backend, observer, stop);
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/backend.h"
#include "moco/config.h"
#include "moco/data/make_views.h"
#include "moco/study/progress.h"

namespace moco {

struct Splits;

/// fresh: the run folder must not hold a run yet. resume: go on from its checkpoint-last.safetensors (from the first
/// step if the run was killed before it wrote one).
enum class RunStart { fresh, resume };

enum class RunEnd { finished, stopped };

struct RunSummary {
    RunEnd end = RunEnd::finished;
    int64_t step = 0;              // steps done in the whole run
    double seconds = 0;            // of this process
    std::optional<KnnReport> knn;  // the last one of this process
    std::optional<KnnReport> baselines;
    int64_t skipped_images = 0;        // of this process
    std::filesystem::path checkpoint;  // the last one written
};

/// Names within a run folder.
inline constexpr const char* kConfigFile = "config.toml";
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kLastCheckpoint = "checkpoint-last.safetensors";

/// The folder of this run: --out, else runs/PRESET.
std::filesystem::path run_folder(const RunConfig& config);

/// The configuration with which the run in `folder` goes on: its config.toml, changed by `flags` as far as a resume
/// may (threads, workers, device, augment-on, more epochs, more steps). Throws Error with both values otherwise, and if
/// the folder holds no run. Its `out` is `folder`.
RunConfig resume_config(const std::filesystem::path& folder,
                        const std::vector<std::pair<std::string, std::string>>& flags);

/// Trains, and returns when the last epoch (or --max-steps) is done or `stop` became true, which is looked at before
/// every step; either way the checkpoint is saved. Calls `observer` from this thread. `backends` are what config.device
/// and config.augment_on name; the one that trains computes convolutions as config.conv says from now on. Throws Error,
/// in one sentence, for impossible settings, unreadable files, a loss that is not finite (the checkpoint before it is
/// kept), a full disk.
RunSummary pretrain(const RunConfig& config, RunStart start, const Splits& data, const ViewBackends& backends,
                    ProgressObserver& observer, const std::atomic<bool>& stop);

}  // namespace moco
