#include "apps/ablation_request.h"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <set>

#include "apps/json.h"
#include "apps/number_list.h"
#include "apps/suggest.h"
#include "apps/training.h"
#include "core/error.h"
#include "core/parse.h"
#include "core/shell_word.h"

namespace moco::apps {
namespace {

/// What the ablation itself gives to every run.
void check_are_shared(const TrainingFlags& flags) {
    check(!flags.resumes(), "-- --resume {}: an ablation goes on with its own runs; give it the same --out DIR again",
          flags.resume_folder);
    check(!flags.json, "-- --json: it stands before the --");
    for (const auto& given : flags.settings.given()) {
        check(given.first != "out", "-- --out {}: the --out DIR before the -- holds all runs", given.second);
        check(given.first != "seed", "-- --seed {}: every variant is run with each seed; --seeds says how many",
              given.second);
        check(given.first != "threads" && given.first != "workers",
              "-- --{} {}: the --threads and --jobs before the -- say how the machine is shared", given.first,
              given.second);
    }
}

std::string as_flag(const SettingTable& table, const std::pair<std::string, std::string>& given) {
    const bool is_switch = table.find(given.first)->argument.empty();
    if (!is_switch) return fmt::format("--{} {}", given.first, for_shell(given.second));
    return fmt::format("--{}{}", given.second == "true" ? "" : "no-", given.first);
}

/// I and N of "I/N".
std::pair<size_t, size_t> part_of(const std::string& text) {
    if (text.empty()) return {1, 1};
    const size_t slash = std::min(text.find('/'), text.size());
    const auto part = parse_number<size_t>(text.substr(0, slash));
    const auto parts = parse_number<size_t>(text.substr(std::min(slash + 1, text.size())));
    check(part && parts && *part >= 1 && *part <= *parts,
          "--part {}: expected which part of how many, as 1/2 on one machine and 2/2 on the other", text);
    return {*part, *parts};
}

void check_name(const std::string& name) {
    const bool good = name.find_first_of("/\\ \n") == std::string::npos && !name.starts_with(".");
    check(good, "--name {}: it names files, so it may hold no slash or blank and begin with no dot", name);
}

}  // namespace

void AblateFlags::add_to(const Command& command) {
    command.option("--sweep", sweeps, "a setting of moco pretrain and its values, as moco-k=256,1024; several combine")
        .takes("SETTING=VALUES");
    command
        .option("--plan", plans, fmt::format("a ready plan, several combine: {}", fmt::join(ready_plan_names(), ", ")))
        .takes("NAME");
    command.option("--seeds", seeds, "how many seeds each variant is run with, from 0 on; or which, as 4,7").takes("N");
    command.option("--out", out, "folder of the ablation: runs, tables, pictures; what is done there stays done")
        .takes("DIR");
    command.option("--name", name, "what a sweep is called in tables and files [its settings]").takes("NAME");
    command.option("--probe", probe, "evaluate by a linear probe, besides kNN: cached (seconds a run), none")
        .takes("cached|none");
    command
        .option("--adopt", adopted,
                "a folder with finished runs, whatever theirs are called: those of equal settings are copied")
        .takes("DIR");
    command.option("--join", joined, "only make one table of these ablations' folders, run on several machines")
        .takes("DIR");
    command.option("--part", part, "do only each N-th run, from the I-th on: the share of one of N machines")
        .takes("I/N");
    command.flag("--dry-run", dry_run, "show the plan, its hours (a few steps are timed) and its disk space, and end");
    command.option("--jobs", jobs, "runs at a time; 0: one a thread").takes("N").group("Machine");
    command.option("--threads", threads, "threads of all runs together; 0: one per core").takes("N").group("Machine");
    command.option("pretrain", pretrain, "behind --: flags of moco pretrain, for all runs").takes("FLAGS");
    add_json_flag(command, json);
    // CLI11 takes the -- behind an option of many values for the end of those, and what follows for flags of our own.
    for (const char* repeated : {"--sweep", "--plan", "--adopt"}) {
        command.parser().get_option(repeated)->allow_extra_args(false);
    }
}

SettingSources shared_settings(const std::vector<std::string>& words) {
    CLI::App app("", "moco pretrain");
    app.set_help_flag();
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    TrainingFlags flags;
    PretrainSettings defaults;
    add_training_flags(Command(app), flags, table_of(defaults));
    try {
        app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& error) {
        fail("behind the --: {}", parse_error_sentence(app, error, words));
    }
    check_are_shared(flags);
    SettingSources sources;
    if (!flags.config_file.empty()) sources.file = flags.config_file;
    sources.flags = flags.settings.given();
    return sources;
}

std::string as_flags(const SettingSources& sources) {
    PretrainSettings settings;
    const SettingTable table = table_of(settings);
    std::vector<std::string> flags;
    if (sources.file) flags.push_back("--config " + for_shell(sources.file->string()));
    for (const auto& given : sources.flags) {
        if (table.find(given.first)->kind.decides != Decides::machine) flags.push_back(as_flag(table, given));
    }
    return fmt::format("{}", fmt::join(flags, " "));
}

std::vector<uint64_t> seeds_of(const std::string& text) {
    const std::vector<int64_t> numbers = whole_numbers("--seeds", text);
    std::vector<uint64_t> seeds;
    if (numbers.size() == 1) {
        check(numbers[0] >= 1 && numbers[0] <= 1000, "--seeds {}: expected how many, 1 to 1000, or a list of seeds",
              text);
        for (int64_t seed = 0; seed < numbers[0]; ++seed) seeds.push_back(static_cast<uint64_t>(seed));
        return seeds;
    }
    for (const int64_t seed : numbers) {
        check(seed >= 0, "--seeds {}: {} is no seed; expected at least 0", text, seed);
        seeds.push_back(static_cast<uint64_t>(seed));
    }
    return seeds;
}

std::vector<PlanAndRuns> plans_of(const AblateFlags& flags, const SettingSources& shared) {
    check(!flags.sweeps.empty() || !flags.plans.empty(),
          "moco ablate needs something to compare: --sweep SETTING=VALUES, or --plan with one of {}",
          fmt::join(ready_plan_names(), ", "));
    check(flags.name.empty() || !flags.sweeps.empty(), "--name {}: it is a sweep's; plans have names", flags.name);
    check_name(flags.name);
    const std::vector<uint64_t> seeds = seeds_of(flags.seeds);
    const PretrainSettings base = resolve_settings<PretrainSettings>(shared);
    std::vector<AblationPlan> plans;
    for (const std::string& name : flags.plans) plans.push_back(ready_plan(name, base));
    if (!flags.sweeps.empty()) {
        std::vector<Sweep> sweeps;
        for (const std::string& text : flags.sweeps) sweeps.push_back(parse_sweep(text));
        plans.push_back(plan_of(sweeps));
        if (!flags.name.empty()) plans.back().name = flags.name;
    }
    std::vector<PlanAndRuns> all;
    for (AblationPlan& plan : plans) {
        PlannedRuns planned = runs_of(plan, shared, seeds);
        all.push_back({std::move(plan), std::move(planned)});
    }
    return all;
}

std::vector<AblationJob> jobs_of(const std::vector<PlanAndRuns>& plans, const std::string& part) {
    std::vector<AblationJob> jobs;
    std::set<std::string> known;
    for (const PlanAndRuns& one : plans) {
        for (const PlannedRun& run : one.planned.runs) {
            if (!known.insert(run.key).second) continue;
            const std::string& variant = one.plan.variants[run.variant].label;
            jobs.push_back({fmt::format("{}: {}, seed {}", one.plan.name, variant, run.seed), run});
        }
    }
    std::stable_sort(jobs.begin(), jobs.end(),
                     [](const AblationJob& a, const AblationJob& b) { return a.run.seed < b.run.seed; });
    const std::pair<size_t, size_t> share = part_of(part);
    std::vector<AblationJob> mine;
    for (size_t i = share.first - 1; i < jobs.size(); i += share.second) mine.push_back(jobs[i]);
    return mine;
}

}  // namespace moco::apps
