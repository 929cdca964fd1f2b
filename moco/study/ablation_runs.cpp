#include "moco/study/ablation_runs.h"

#include <algorithm>

#include "core/error.h"
#include "moco/data/fingerprint.h"

namespace moco {
namespace {

/// Settings of a run that change no number that an ablation reads.
bool changes_nothing(std::string_view name) {
    return name == "preset" || name == "out" || name == "log-every" || name == "checkpoint-every-steps" ||
           name == "keep-every";
}

bool stands_in_identity(const Setting& row, const PretrainSettings& settings) {
    if (row.kind.decides == Decides::machine) return false;
    if (row.name == "preset") return settings.optimizer.scale_lr;  // the rate follows the preset's batch size
    if (changes_nothing(row.name)) return false;
    if (row.name == "schedule" && settings.optimizer.cos) return false;
    const bool may_lack = row.kind.decides == Decides::run || row.kind.in_checkpoints == InCheckpoints::if_changed;
    return !may_lack || row.get() != row.by_default;
}

}  // namespace

std::string run_identity(PretrainSettings settings) {
    std::string text;
    const SettingTable table = table_of(settings);
    for (const Setting& row : table.rows()) {
        if (!stands_in_identity(row, settings)) continue;
        text += fmt::format("{} = {}\n", row.name, text_of(row.get()));
    }
    return text;
}

std::string run_key(const PretrainSettings& settings) {
    return fmt::format("{:016x}", fingerprint(run_identity(settings), kNoBytes));
}

PlannedRuns runs_of(const AblationPlan& plan, const SettingSources& base, const std::vector<uint64_t>& seeds) {
    PlannedRuns planned;
    for (const uint64_t seed : seeds) {
        for (size_t v = 0; v < plan.variants.size(); ++v) {
            const Variant& variant = plan.variants[v];
            SettingSources sources = base;
            sources.flags.insert(sources.flags.end(), variant.settings.begin(), variant.settings.end());
            PlannedRun run = {v, seed, {}, resolve_settings<PretrainSettings>(sources)};
            run.settings.run.seed = seed;
            try {
                validate(run.settings);
            } catch (const Error& error) {
                if (seed == seeds.front()) planned.left_out.push_back({variant.label, error.what()});
                continue;
            }
            run.key = run_key(run.settings);
            planned.runs.push_back(std::move(run));
        }
    }
    check(!planned.runs.empty(), "none of the {} variants of {} can be run; {}: {}", plan.variants.size(), plan.name,
          planned.left_out.front().label, planned.left_out.front().why);
    return planned;
}

}  // namespace moco
