// The folder of an ablation: its runs, each in a folder called by its key, whatever plan wants it.
//
//   DIR/runs/KEY/        run folders
//   DIR/plans/NAME.json  what was planned (ablation_record.h)
//   DIR/settings/, DIR/logs/, table.*, runs.csv, *.svg
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "moco/study/ablation_runs.h"

namespace moco {

enum class RunState { absent, started, done };

struct RunProgress {
    RunState state = RunState::absent;
    int64_t epochs = 0;  // done
};

/// How far the run of `settings` in `folder` is. A checkpoint that cannot be read is `started`: who goes on with the
/// run says what is wrong with it.
RunProgress progress_of(const std::filesystem::path& folder, const PretrainSettings& settings);

/// Whether `folder` holds a run that has come to its end. Throws Error naming a config.toml that cannot be read.
bool is_finished(const std::filesystem::path& folder);

/// DIR/runs/KEY.
std::filesystem::path pooled_run(const std::filesystem::path& dir, const std::string& key);

/// What `adopt` did.
struct Adoption {
    int64_t adopted = 0;
    std::vector<std::string> notes;  // runs that could not be read, and why
};

/// Copies finished runs that lie anywhere below `from`, whatever their folders are called, to where the runs of these
/// keys belong, as far as those are not finished there. Throws Error if `from` is no folder or a copy fails; a copy
/// that is cut off is made anew.
Adoption adopt(const std::filesystem::path& from, const std::filesystem::path& dir,
               const std::vector<PlannedRun>& wanted);

}  // namespace moco
