// Small whole runs for the tests of the loop.
#pragma once

#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/data/shapes.h"
#include "moco/tasks/pretraining.h"
#include "moco/train/loop.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {

/// A narrow Network-18 on 32 x 32 pictures: two epochs of five steps take a fraction of a second.
inline PretrainSettings tiny_run(const std::filesystem::path& folder) {
    PretrainSettings config = preset<PretrainSettings>("cifar-demo");
    config.data.spec = "shapes:86";
    config.encoder.stem = "cifar-s2";
    config.encoder.width = 4;
    config.method.moco_dim = 8;
    config.optimizer.batch_size = 16;
    config.method.bn_splits = 2;
    config.method.moco_k = 40;
    config.optimizer.epochs = 2;
    config.knn.k = 10;
    config.run.log_every = 2;
    config.run.out = folder.string();
    return config;
}

/// Writes down what a run reports; stops it after a number of steps if asked to.
class Watcher : public RunObserver {
  public:
    void run_starts(const RunPlan& p) override { plan = p; }
    void baselines(const EvaluationReport& report) override { baseline.push_back(report); }
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
    std::vector<EvaluationReport> baseline;
    std::vector<StepReport> steps;
    std::vector<EpochReport> epochs;
    std::vector<std::string> evaluations, notes;
    std::vector<std::filesystem::path> checkpoints;
};

/// Runs task T on data that is opened already.
template <typename T = Pretraining>
RunSummary run_on(const typename T::Settings& given, const Splits& data, const ViewBackends& backends, Watcher& watcher,
                  RunStart start = RunStart::fresh) {
    typename T::Settings settings = given;
    validate(settings);
    configure(backends.trains, settings.run);
    SingleProcess comm;
    T task(settings, data, backends.trains, comm);
    const SettingTable table = table_of(settings);
    return train(task, {std::string(T::Settings::command), settings, table, start}, backends, {&watcher}, comm,
                 watcher.stop);
}

template <typename T = Pretraining>
RunSummary run(const typename T::Settings& config, Watcher& watcher, RunStart start = RunStart::fresh) {
    return run_on<T>(config, open_dataset(config.data.spec), cpu(), watcher, start);
}

template <typename T = Pretraining>
RunSummary run(const typename T::Settings& config) {
    Watcher watcher;
    return run<T>(config, watcher);
}

/// An accuracy of an evaluation by its name; NaN if there is none.
inline double value_of(const std::optional<EvaluationReport>& report, const std::string& name) {
    if (report) {
        for (const Measurement& one : report->values) {
            if (one.name == name) return one.value;
        }
    }
    return std::nan("");
}

/// Goes on with the run in `folder`, changed by `flags`.
template <typename T = Pretraining>
RunSummary resume(const std::filesystem::path& folder, Watcher& watcher, const GivenFlags& flags = {}) {
    return run<T>(resume_settings<typename T::Settings>(folder, flags), watcher, RunStart::resume);
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
