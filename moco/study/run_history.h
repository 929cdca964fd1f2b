// What a run has reported so far, as far as alarms judge it: while it trains, or read back from metrics.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "moco/train/observer.h"

namespace moco {

struct RunHistory {
    struct Step {
        int64_t step = 0;
        double loss = 0, contrast_accuracy = 0;  // percent
    };
    struct Epoch {
        int64_t epoch = 0, step = 0;
        double loss = 0, contrast_accuracy = 0;  // means over the epoch; percent
        double knn = -1;                         // of the backbone, percent; -1: not measured
    };
    struct Keys {
        int64_t step = 0;
        double effective_rank = 0;
    };

    std::vector<Step> steps;  // those logged
    std::vector<Epoch> epochs;
    std::vector<Keys> keys;
    std::set<std::string> alarms;  // names of those raised
};

/// The first `lines` lines of a metrics.jsonl; lines of other kinds, and what cannot be read, are passed over.
RunHistory read_history(const std::filesystem::path& metrics, int64_t lines);

/// Writes down what it hears.
class HistoryKeeper : public RunObserver {
  public:
    void run_starts(const RunPlan& plan) override { values_ = plan.values; }
    void step_done(const StepReport& report) override;
    void epoch_done(const EpochReport& report) override;
    void diagnosed(const DiagnosticsReport& report) override;
    void alarmed(int64_t epoch, int64_t step, const Alarm& alarm) override;

    RunHistory history;

  private:
    double value(const std::vector<double>& values, const std::string& name) const;

    std::vector<ValueName> values_;
};

}  // namespace moco
