// moco ablate: what a setting does, by runs that differ in nothing else.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "apps/ablation_estimate.h"
#include "apps/ablation_request.h"
#include "apps/commands.h"
#include "apps/device.h"
#include "apps/interrupt.h"
#include "apps/json.h"
#include "apps/output.h"
#include "apps/terminal.h"
#include "core/parallel.h"
#include "moco/study/ablation_pool.h"
#include "moco/study/ablation_report.h"
#include "moco/train/run_lock.h"
#include "moco/train/throughput.h"

namespace moco::apps {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kDescription =
    "Pretrain the same way but for the settings that are compared, with several seeds, and make a table.\n"
    "Each run has a folder of its own below DIR/runs, which moco knn, probe and pretrain --resume understand. What is\n"
    "done there is not done again: the same command goes on after any interruption, and plans share equal runs.";
constexpr const char* kFooter =
    "Examples:\n"
    "  moco ablate --plan momentum --out ablations --dry-run -- --preset fashion --epochs 5\n"
    "  moco ablate --sweep moco-k=256,4096 --sweep moco-m=0.9,0.99 --out ablations -- --preset fashion --epochs 5\n"
    "  moco ablate --join from-one-machine from-another --out both\n";

/// What is there and what is to be done.
struct Counts {
    int64_t runs = 0, done = 0, begun = 0;

    int64_t to_do() const { return runs - done; }
};

Counts counts_of(const fs::path& dir, const std::vector<PlannedRun>& runs) {
    Counts counts;
    for (const PlannedRun& run : runs) {
        const RunState state = progress_of(pooled_run(dir, run.key), run.settings).state;
        ++counts.runs;
        counts.done += state == RunState::done;
        counts.begun += state == RunState::started;
    }
    return counts;
}

std::vector<PlannedRun> runs_of(const std::vector<AblationJob>& jobs) {
    std::vector<PlannedRun> runs;
    for (const AblationJob& job : jobs) runs.push_back(job.run);
    return runs;
}

std::string progress_text(const Counts& counts) {
    return fmt::format("{} runs, {} done, {} begun", counts.runs, counts.done, counts.begun);
}

/// A plan that is about to be run.
struct Study {
    fs::path dir;
    std::vector<PlanAndRuns> plans;
    std::vector<AblationJob> jobs;
    JobOptions options;
    AblationEstimate estimate;
};

/// Where `named` lies or will lie.
double free_bytes(const fs::path& named) {
    std::error_code ignored;
    fs::path dir = fs::absolute(named);
    while (!fs::exists(dir, ignored) && dir.has_relative_path()) dir = dir.parent_path();
    return static_cast<double>(fs::space(dir).available);
}

void print_plan(const Study& study) {
    std::string text;
    for (const PlanAndRuns& one : study.plans) {
        text += fmt::format("{}: {}\n  {}\n", one.plan.name, one.plan.title,
                            progress_text(counts_of(study.dir, one.planned.runs)));
        for (const LeftOut& left : one.planned.left_out) {
            text += fmt::format("  left out: {}: {}\n", left.label, left.why);
        }
    }
    const Counts all = counts_of(study.dir, runs_of(study.jobs));
    text += fmt::format("In all, equal ones counted once: {}.\n", progress_text(all));
    text += fmt::format(
        "What is left: about {} (h:mm:ss), {} at a time with {} thread{} each; {:.1f} MB, and {:.1f} GB are free.\n",
        clock_text(3600 * study.estimate.hours), study.options.at_a_time, study.options.threads,
        study.options.threads == 1 ? "" : "s", study.estimate.bytes / 1e6, free_bytes(study.dir) / 1e9);
    print_if_possible(stdout, text);
}

Json plan_json(const Study& study) {
    Json plans = Json::array();
    for (const PlanAndRuns& one : study.plans) {
        const Counts counts = counts_of(study.dir, one.planned.runs);
        Json left_out = Json::array();
        for (const LeftOut& left : one.planned.left_out) {
            left_out.push_back({{"variant", left.label}, {"why", left.why}});
        }
        plans.push_back({{"name", one.plan.name},
                         {"title", one.plan.title},
                         {"variants", one.plan.variants.size()},
                         {"runs", counts.runs},
                         {"done", counts.done},
                         {"begun", counts.begun},
                         {"left_out", left_out}});
    }
    const Counts all = counts_of(study.dir, runs_of(study.jobs));
    return {{"plans", plans},
            {"runs", all.runs},
            {"done", all.done},
            {"to_do", all.to_do()},
            {"at_a_time", study.options.at_a_time},
            {"threads", study.options.threads},
            {"hours", study.estimate.hours},
            {"disk_bytes", study.estimate.bytes},
            {"free_bytes", free_bytes(study.dir)}};
}

/// How the machine is shared. A GPU is shared badly: one run at a time.
void share_machine(const AblateFlags& flags, const Backend& backend, Study& study) {
    set_threads(flags.threads);
    const int budget = threads(), runs = static_cast<int>(std::max<size_t>(study.jobs.size(), 1));
    const int wanted = flags.jobs > 0 ? flags.jobs : backend.name() == "cpu" ? budget : 1;
    study.options.at_a_time = std::min(wanted, runs);
    study.options.threads = std::max(budget / study.options.at_a_time, 1);
}

void check_flags(const AblateFlags& flags) {
    check(!flags.out.empty(), "--out is missing; it names the folder for runs and tables, such as ablations");
    check(flags.probe == "cached" || flags.probe == "none", "--probe {}: expected cached or none", flags.probe);
    check(flags.jobs >= 0 && flags.jobs <= 1024, "--jobs {}: expected 0 to 1024", flags.jobs);
    check(flags.threads >= 0 && flags.threads <= 1024, "--threads {}: expected 0 to 1024", flags.threads);
    if (flags.joined.empty()) return;
    check(flags.sweeps.empty() && flags.plans.empty() && flags.pretrain.empty() && flags.adopted.empty(),
          "--join: it makes a table of what is there and runs nothing; leave --plan, --sweep, --adopt and the flags "
          "behind -- out");
}

/// For --adopt: copies are made before the plan is shown, so that it counts them.
void adopt_runs(const AblateFlags& flags, const Study& study) {
    for (const std::string& from : flags.adopted) {
        const Adoption adoption = adopt(from, study.dir, runs_of(study.jobs));
        for (const std::string& note : adoption.notes) print_if_possible(stderr, note + "\n");
        print_if_possible(stderr, fmt::format("{} finished runs of {} adopted\n", adoption.adopted, from));
    }
}

std::string value_text(const std::optional<double>& value) {
    return value ? fmt::format("{:.2f} %", *value) : "-";
}

void tell_end(const fs::path& dir, const JobResult& result) {
    const std::string& label = result.job->label;
    if (result.end == JobEnd::failed) {
        print_if_possible(stderr, fmt::format("failed: {}: {}\n", label, result.why));
    } else if (result.end == JobEnd::stopped) {
        print_if_possible(stderr, fmt::format("stopped and saved: {}\n", label));
    } else {
        const RunOutcome outcome = outcome_of(pooled_run(dir, result.job->run.key));
        print_if_possible(stderr, fmt::format("done: {}: kNN {}, probe {}, {}\n", label, value_text(outcome.knn),
                                              value_text(outcome.probe), clock_text(result.seconds)));
    }
}

std::vector<JobResult> run_study(const Study& study, const std::atomic<bool>& stop) {
    StatusLine line(stderr);
    const Stopwatch watch;
    JobListeners listeners;
    listeners.ended = [&](const JobResult& result) {
        line.clear();
        tell_end(study.dir, result);
        write_ablation_report(study.dir, {study.dir});
    };
    listeners.waiting = [&](const JobsProgress& progress) {
        if (!line.due()) return;
        line.show(fmt::format("{} of {} runs done, {} running, {}", progress.done, progress.all, progress.running,
                              clock_text(watch.seconds())));
    };
    return run_jobs(study.jobs, study.options, listeners, stop);
}

Json failures_json(const std::vector<JobResult>& results) {
    Json failed = Json::array();
    for (const JobResult& result : results) {
        if (result.end == JobEnd::failed) failed.push_back({{"run", result.job->label}, {"why", result.why}});
    }
    return failed;
}

/// What came of it, and the status to end with. Throws Error where runs failed.
void conclude(const AblateFlags& flags, const Study& study, const std::vector<JobResult>& results,
              const std::atomic<bool>& stop) {
    const std::string table = (study.dir / "table.md").string();
    const Counts counts = counts_of(study.dir, runs_of(study.jobs));
    if (flags.json) {
        print_json({{"end", stop ? "stopped" : "finished"},
                    {"runs", counts.runs},
                    {"done", counts.done},
                    {"failed", failures_json(results)},
                    {"table", table}});
    } else if (stop) {
        fmt::print("Stopped; {} of {} runs are done, the others are saved. The same command goes on with them.\n",
                   counts.done, counts.runs);
    } else {
        fmt::print("{}\nTables and pictures in {}: table.md, table.csv, runs.csv.\n",
                   as_markdown(write_ablation_report(study.dir, {study.dir})), study.dir.string());
    }
    if (stop) return end_with(kTryAgain);
    const JobResult* first = nullptr;
    int64_t failed = 0;
    for (const JobResult& result : results) {
        if (result.end != JobEnd::failed) continue;
        if (first == nullptr) first = &result;
        ++failed;
    }
    if (failed == 0) return;
    fail("{} of {} runs failed, the others are in {}; the first, {}: {}; the same command tries again", failed,
         counts.runs, table, first->job->label, first->why);
}

void join(const AblateFlags& flags) {
    std::vector<fs::path> from(flags.joined.begin(), flags.joined.end());
    for (const fs::path& dir : from) {
        check(fs::is_directory(dir / "plans"), "--join {}: no ablation lies there (it has no folder `plans`)",
              dir.string());
    }
    fs::create_directories(flags.out);
    const std::vector<AblationSummary> summaries = write_ablation_report(flags.out, from);
    const std::string table = (fs::path(flags.out) / "table.md").string();
    if (flags.json) return print_json({{"plans", summaries.size()}, {"table", table}});
    fmt::print("{}\nTables and pictures in {}: table.md, table.csv, runs.csv.\n", as_markdown(summaries), flags.out);
}

/// Says, before anything is computed, whether runs can be judged.
void look_at_data(Study& study, OpenedData& data) {
    for (AblationJob& job : study.jobs) {
        const Splits& splits = data.of(job.run.settings.data);
        job.labels = splits.test && is_labelled(splits) ? Labels::there : Labels::absent;
    }
}

void run_ablate(const AblateFlags& flags) {
    check_flags(flags);
    if (!flags.joined.empty()) return join(flags);
    const SettingSources shared = shared_settings(flags.pretrain);
    Study study = {flags.out, plans_of(flags, shared), {}, {}, {}};
    study.jobs = jobs_of(study.plans, flags.part);
    check(!study.jobs.empty(), "--part {}: there are fewer runs than parts, and none for this one", flags.part);
    study.options.dir = study.dir;
    study.options.probe = flags.probe == "cached" ? ProbeKind::cached : ProbeKind::none;
    OpenedData data;
    look_at_data(study, data);
    std::optional<RunLock> lock;
    if (!flags.dry_run) {
        fs::create_directories(study.dir);
        lock.emplace(study.dir);
        adopt_runs(flags, study);
    }
    const std::unique_ptr<Backend> backend = make_backend(study.jobs.front().run.settings.machine.device);
    share_machine(flags, *backend, study);
    study.estimate = estimate(study.jobs, study.options, data, *backend);
    if (flags.dry_run && flags.json) return print_json(plan_json(study));
    if (!flags.json) print_plan(study);
    if (flags.dry_run) return;
    check(study.estimate.bytes < free_bytes(study.dir), "--out {}: the runs need {:.1f} MB and {:.1f} MB are free",
          flags.out, study.estimate.bytes / 1e6, free_bytes(study.dir) / 1e6);
    for (const PlanAndRuns& one : study.plans) {
        write_record(study.dir, record_of(one.plan, one.planned, as_flags(shared)));
    }
    const std::atomic<bool>& stop = stop_on_signals();
    conclude(flags, study, run_study(study, stop), stop);
}

}  // namespace

void add_ablate(const Command& app) {
    const Command command = app.subcommand("ablate", kDescription);
    auto flags = std::make_shared<AblateFlags>();
    flags->add_to(command);
    command.footer(kFooter);
    command.runs([flags] { run_ablate(*flags); });
}

}  // namespace moco::apps
