// The runs of an ablation: which there are, and when two of them are the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moco/study/ablation_plan.h"

namespace moco {

/// A variant with a seed.
struct PlannedRun {
    size_t variant = 0;  // of AblationPlan::variants
    uint64_t seed = 0;
    std::string key;  // run_key of the settings
    PretrainSettings settings;
};

/// A variant that cannot be run, and why.
struct LeftOut {
    std::string label, why;
};

struct PlannedRuns {
    std::vector<PlannedRun> runs;  // seed by seed, so that a plan that is cut short has compared something
    std::vector<LeftOut> left_out;
};

/// The settings that decide what a run writes, one `name = value` a line: those that checkpoints hold but for the log's
/// density, the data set, and what bounds or starts the run. Settings without an effect (the steps' epochs beside a
/// cosine) are left out. No folder, no number of threads, no preset.
std::string run_identity(PretrainSettings settings);

/// Sixteen hexadecimal digits that equal runs share: FNV-1a of run_identity. A run's folder is called so.
std::string run_key(const PretrainSettings& settings);

/// Each variant with each seed on top of `base`. Throws Error where no variant can be run.
PlannedRuns runs_of(const AblationPlan& plan, const SettingSources& base, const std::vector<uint64_t>& seeds);

}  // namespace moco
