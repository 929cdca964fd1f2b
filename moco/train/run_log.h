// metrics.jsonl: what happened in a run, one JSON object a line (docs/file-formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "moco/train/observer.h"

namespace moco {

/// Appends lines to a file. A checkpoint records lines() after flush(); a resume opens the log with that number, which
/// cuts off whatever was written later. Lines of equal runs differ in images_per_s, seconds and waited_s only.
/// Every failure to write throws Error naming the file. One thread.
class RunLog final : public RunObserver {
  public:
    /// Opens or creates `path` and keeps its first `lines` lines. Throws Error if it has fewer.
    RunLog(std::filesystem::path path, int64_t lines);
    RunLog(const RunLog&) = delete;
    RunLog& operator=(const RunLog&) = delete;
    ~RunLog() override;

    void run_starts(const RunPlan& plan) override { values_ = plan.values; }
    void baselines(const EvaluationReport& report) override;
    void step_done(const StepReport& report) override;
    void unreadable(int64_t epoch, int64_t step, const Unreadable& image) override;
    void epoch_done(const EpochReport& report) override;
    void diagnosed(const DiagnosticsReport& report) override;
    void alarmed(int64_t epoch, int64_t step, const Alarm& alarm) override;
    void flush() override;

    int64_t lines() const { return lines_; }

  private:
    void write_line(const std::string& json);

    std::filesystem::path path_;
    std::vector<ValueName> values_;
    int file_ = -1;
    int64_t lines_ = 0;
};

}  // namespace moco
