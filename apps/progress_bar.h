// What a run shows while it goes on.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "apps/terminal.h"
#include "moco/train/observer.h"

namespace moco::apps {

/// On a terminal one line, rewritten in place, with a line that stays for each epoch; elsewhere plain lines, one every
/// few seconds. Writes to `stream`.
class ProgressBar final : public RunObserver {
  public:
    explicit ProgressBar(std::FILE* stream);
    void run_starts(const RunPlan& plan) override;
    void baselines(const EvaluationReport& report) override;
    void step_done(const StepReport& report) override;
    void evaluating(const std::string& what) override;
    void epoch_done(const EpochReport& report) override;
    void diagnosed(const DiagnosticsReport& report) override;
    void alarmed(int64_t epoch, int64_t step, const Alarm& alarm) override;
    void note(const std::string& sentence) override;

  private:
    std::string bar(const StepReport& report) const;
    void print_line(const std::string& text);

    std::FILE* stream_;
    StatusLine line_;
    RunPlan plan_;
    std::vector<double> smoothed_;  // the steps' values, over the last steps
    std::string inside_;            // what diagnostics saw last
    bool first_step_ = true;
    std::chrono::steady_clock::time_point last_plain_;
};

/// "kNN backbone 84.21 %, projection 80.02 %".
std::string text_of(const EvaluationReport& report);

}  // namespace moco::apps
