// Small whole runs for the tests of the trainer.
#pragma once

#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "moco/config.h"
#include "moco/data/dataset.h"
#include "moco/data/shapes.h"
#include "moco/trainer.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {

/// A narrow ResNet-18 on 32 x 32 pictures: two epochs of five steps take a fraction of a second.
inline RunConfig tiny_run(const std::filesystem::path& folder) {
    RunConfig config = preset("cifar-demo");
    config.data = "shapes:86";
    config.stem = "cifar-s2";
    config.width = 4;
    config.moco_dim = 8;
    config.batch_size = 16;
    config.bn_splits = 2;
    config.moco_k = 40;
    config.epochs = 2;
    config.knn_k = 10;
    config.log_every = 2;
    config.out = folder.string();
    return config;
}

/// Writes down what a run reports; stops it after a number of steps if asked to.
class Watcher : public ProgressObserver {
  public:
    void run_starts(const RunPlan& p) override { plan = p; }
    void baselines(const KnnReport& report) override { baseline.push_back(report); }
    void step_done(const StepReport& report) override {
        steps.push_back(report);
        if (report.step == stop_after) stop = true;
    }
    void evaluating(const std::string& what) override {
        evaluations.push_back(what);
        if (stop_in_evaluation) stop = true;
    }
    void epoch_done(const EpochReport& report) override { epochs.push_back(report); }
    void checkpoint_saved(const std::filesystem::path& path) override { checkpoints.push_back(path.filename()); }
    void note(const std::string& sentence) override { notes.push_back(sentence); }

    int64_t stop_after = -1;
    bool stop_in_evaluation = false;
    std::atomic<bool> stop = false;

    RunPlan plan;
    std::vector<KnnReport> baseline;
    std::vector<StepReport> steps;
    std::vector<EpochReport> epochs;
    std::vector<std::string> evaluations, notes;
    std::vector<std::filesystem::path> checkpoints;
};

inline RunSummary run(const RunConfig& config, Watcher& watcher, RunStart start = RunStart::fresh) {
    return pretrain(config, start, open_dataset(config.data), cpu(), watcher, watcher.stop);
}

inline RunSummary run(const RunConfig& config) {
    Watcher watcher;
    return run(config, watcher);
}

/// Goes on with the run in `folder`, changed by `flags`.
inline RunSummary resume(const std::filesystem::path& folder, Watcher& watcher,
                         const std::vector<std::pair<std::string, std::string>>& flags = {}) {
    return run(resume_config(folder, flags), watcher, RunStart::resume);
}

/// The bytes of the last checkpoint.
inline std::string checkpoint_bytes(const std::filesystem::path& folder) {
    return read_bytes(folder / kLastCheckpoint);
}

/// The log without the fields that may differ between equal runs: times and throughput.
inline std::string log_without_times(const std::filesystem::path& folder) {
    std::istringstream log(read_bytes(folder / kMetricsFile));
    std::string lines;
    for (std::string line; std::getline(log, line);) {
        nlohmann::ordered_json fields = nlohmann::ordered_json::parse(line);
        for (const char* name : {"images_per_s", "seconds", "waited_s"}) fields.erase(name);
        lines += fields.dump() + '\n';
    }
    return lines;
}

}  // namespace moco::testing
