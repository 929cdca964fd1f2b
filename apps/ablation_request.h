// What `moco ablate` is asked for: its flags, and the plans and runs that they mean.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/ablation_jobs.h"
#include "apps/command.h"
#include "moco/study/ablation_plan.h"
#include "moco/study/ablation_runs.h"
#include "moco/train/settings/layers.h"

namespace moco::apps {

struct AblateFlags {
    std::vector<std::string> sweeps, plans, adopted, joined, pretrain;
    std::string seeds = "3", out, name, probe = "cached", part;
    int jobs = 0, threads = 0;
    bool dry_run = false, json = false;

    void add_to(const Command& command);
};

/// The settings that all variants share: the words behind `--`, read as `moco pretrain` reads them. Throws Error where
/// it would not understand them, and for flags that an ablation sets itself.
SettingSources shared_settings(const std::vector<std::string>& words);

/// They again, as flags, but for those that change no result.
std::string as_flags(const SettingSources& sources);

/// "3": 0, 1, 2; "4,7": those. Throws Error for anything else.
std::vector<uint64_t> seeds_of(const std::string& text);

struct PlanAndRuns {
    AblationPlan plan;
    PlannedRuns planned;
};

/// The plans that the flags ask for, in their order. Throws Error where there is none, or what is asked for cannot be.
std::vector<PlanAndRuns> plans_of(const AblateFlags& flags, const SettingSources& shared);

/// The runs of all plans, each once, seed by seed; with --part I/N the I-th, the N+I-th, ... of them.
std::vector<AblationJob> jobs_of(const std::vector<PlanAndRuns>& plans, const std::string& part);

}  // namespace moco::apps
