// Several observers as one.
#pragma once

#include <vector>

#include "moco/train/observer.h"

namespace moco {

/// Tells each in turn. They must outlive this.
class Observers final : public RunObserver {
  public:
    explicit Observers(std::vector<RunObserver*> all) : all_(std::move(all)) {}
    /// Is told after those that are there.
    void put_last(RunObserver& observer) { all_.push_back(&observer); }
    /// Is told before those that are there.
    void put_first(RunObserver& observer) { all_.insert(all_.begin(), &observer); }

    void run_starts(const RunPlan& plan) override {
        for (RunObserver* one : all_) one->run_starts(plan);
    }
    void baselines(const EvaluationReport& report) override {
        for (RunObserver* one : all_) one->baselines(report);
    }
    void step_done(const StepReport& report) override {
        for (RunObserver* one : all_) one->step_done(report);
    }
    void unreadable(int64_t epoch, int64_t step, const Unreadable& image) override {
        for (RunObserver* one : all_) one->unreadable(epoch, step, image);
    }
    void evaluating(const std::string& what) override {
        for (RunObserver* one : all_) one->evaluating(what);
    }
    void epoch_done(const EpochReport& report) override {
        for (RunObserver* one : all_) one->epoch_done(report);
    }
    void diagnosed(const DiagnosticsReport& report) override {
        for (RunObserver* one : all_) one->diagnosed(report);
    }
    void alarmed(int64_t epoch, int64_t step, const Alarm& alarm) override {
        for (RunObserver* one : all_) one->alarmed(epoch, step, alarm);
    }
    void flush() override {
        for (RunObserver* one : all_) one->flush();
    }
    void checkpoint_saved(const std::filesystem::path& path) override {
        for (RunObserver* one : all_) one->checkpoint_saved(path);
    }
    void note(const std::string& sentence) override {
        for (RunObserver* one : all_) one->note(sentence);
    }

  private:
    std::vector<RunObserver*> all_;
};

}  // namespace moco
