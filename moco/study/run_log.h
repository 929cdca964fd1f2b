// metrics.jsonl: what happened in a run, one JSON object a line (docs/file-formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "moco/data/loader.h"
#include "moco/study/progress.h"

namespace moco {

/// Appends lines to a file. A checkpoint records lines() after flush(); a resume opens the log with that number, which
/// cuts off whatever was written later. Lines of equal runs differ in images_per_s, seconds and waited_s only.
/// Every failure to write throws Error naming the file. One thread.
class RunLog {
  public:
    /// Opens or creates `path` and keeps its first `lines` lines. Throws Error if it has fewer.
    RunLog(std::filesystem::path path, int64_t lines);
    RunLog(const RunLog&) = delete;
    RunLog& operator=(const RunLog&) = delete;
    ~RunLog();

    void baselines(const KnnReport& report);
    void step(const StepReport& report);
    void unreadable(int64_t epoch, int64_t step, const Unreadable& image);
    void epoch(const EpochReport& report);

    /// Everything written so far is on the disk when this returns.
    void flush();
    int64_t lines() const { return lines_; }

  private:
    void write_line(const std::string& json);

    std::filesystem::path path_;
    int file_ = -1;
    int64_t lines_ = 0;
};

}  // namespace moco
