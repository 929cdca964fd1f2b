// What `moco pretrain` shows while it runs.
#pragma once

#include <chrono>
#include <string>

#include "apps/terminal.h"
#include "moco/study/progress.h"

namespace moco::apps {

/// On a terminal one line, rewritten in place, with a line that stays for each epoch; elsewhere plain lines, one every
/// few seconds. Writes to stdout.
class ProgressBar final : public ProgressObserver {
  public:
    ProgressBar();
    void run_starts(const RunPlan& plan) override;
    void baselines(const KnnReport& knn) override;
    void step_done(const StepReport& report) override;
    void evaluating(const std::string& what) override;
    void epoch_done(const EpochReport& report) override;
    void note(const std::string& sentence) override;

  private:
    std::string bar(const StepReport& report) const;
    void print_line(const std::string& text);

    StatusLine line_;
    RunPlan plan_;
    double loss_ = 0, accuracy_ = 0;  // smoothed over the last steps
    bool first_step_ = true;
    std::chrono::steady_clock::time_point last_plain_;
};

/// "kNN backbone 84.21 %, projection 80.02 %".
std::string knn_text(const KnnReport& knn);

}  // namespace moco::apps
