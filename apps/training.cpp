#include "apps/training.h"

#include <errno.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/advice.h"
#include "apps/device.h"
#include "apps/interrupt.h"
#include "apps/json.h"
#include "apps/output.h"
#include "apps/progress_bar.h"
#include "core/parallel.h"
#include "core/shell_word.h"
#include "nn/precision.h"

namespace moco::apps {
namespace {

enum class Classifier { no, yes };

void print_summary(const RunDescription& run, const RunSummary& summary, const Splits& data, Classifier classifier) {
    const std::string folder = summary.folder.string();
    const std::string program =
        for_shell(program_invocation_name);  // as the user called it, so that the lines below can be copied
    if (summary.end == RunEnd::stopped) {
        fmt::print("Stopped after step {}; everything is saved. Go on with\n  {} {} --resume {}\n", summary.step,
                   program, run.command, for_shell(folder));
        return;
    }
    fmt::print("Done: {} steps; this part took {}.\n", summary.step, clock_text(summary.seconds));
    if (summary.skipped_images > 0) {
        fmt::print("{} unreadable images were replaced; {}/{} names them.\n", summary.skipped_images, folder,
                   kMetricsFile);
    }
    fmt::print("Files in {}: {}, {}, {}, a TensorBoard event file.\nNext:\n", folder,
               summary.checkpoint.filename().string(), kMetricsFile, kConfigFile);
    const std::string what =
        fmt::format("--checkpoint {} --data {}{}", for_shell(folder), for_shell(run.settings.data.spec),
                    decoding_flags(run.settings.data) + folder_flags(run.settings.data));
    if (classifier == Classifier::yes) fmt::print("  {} predict --run {} IMAGES...\n", program, for_shell(folder));
    if (is_labelled(data)) fmt::print("  {} knn {} --baselines\n", program, what);
    if (data.test) fmt::print("  {} neighbours {} --out neighbours.png\n", program, what);
    fmt::print("  {} features {} --out features\n", program, what);
}

/// A run's data are where its first command line said, seen from where that was given.
Splits open_data(const TrainSettings& settings, const TrainingFlags& flags) {
    try {
        return open_dataset(settings.data);
    } catch (const Error& error) {
        const std::string path = settings.data.spec.substr(settings.data.spec.find(':') + 1);
        if (!flags.resumes() || path.starts_with("/")) throw;
        fail("{} (--data {} of this run is seen from the directory in which it was started; this is {})", error.what(),
             settings.data.spec, std::filesystem::current_path().string());
    }
}

nlohmann::ordered_json to_json(const std::optional<EvaluationReport>& report) {
    if (!report) return nullptr;
    nlohmann::ordered_json object;
    for (const Measurement& measurement : report->values) object[measurement.name] = measurement.value;
    return object;
}

nlohmann::ordered_json to_json(const std::string& command, const RunSummary& summary) {
    return {{"task", command},
            {"end", summary.end == RunEnd::stopped ? "stopped" : "finished"},
            {"step", summary.step},
            {"seconds", summary.seconds},
            {"skipped_images", summary.skipped_images},
            {"folder", summary.folder.string()},
            {"checkpoint", summary.checkpoint.string()},
            {"baselines", to_json(summary.baselines)},
            {"evaluation", to_json(summary.evaluation)}};
}

}  // namespace

void add_training_flags(const Command& command, TrainingFlags& flags, const SettingTable& table) {
    const Option config =
        command.option("--config", flags.config_file, "settings from a TOML file, such as the config.toml of a run");
    config.takes("FILE").group("Settings from elsewhere");
    const Option resume =
        command.option("--resume", flags.resume_folder,
                       "go on with the run in this folder, from its last checkpoint; needs no other flag, and may "
                       "change --threads, --workers, --device, --augment-on, and a larger --epochs or "
                       "--max-steps");
    resume.takes("RUN_FOLDER").group("Settings from elsewhere").excludes(config);
    add_json_flag(command, flags.json);
    flags.settings.add_to(command, table);
}

void add_baseline_flag(const Command& command, std::string& baseline) {
    command
        .option("--baseline", baseline,
                "random: the same again with the network untrained, in FOLDER-random; both are printed")
        .takes("random");
}

std::string run_to_resume(const std::string& named) {
    const std::filesystem::path path = named;
    if (path.filename() == kLastCheckpoint) return path.has_parent_path() ? path.parent_path().string() : ".";
    std::error_code ignored;
    check(!std::filesystem::is_regular_file(path, ignored),
          "--resume {}: this is no run's {}; --resume takes a run's folder, --init starts a run from a file of weights",
          named, kLastCheckpoint);
    return named;
}

RunSummary run_training(const RunDescription& run, const TrainingFlags& flags, const std::vector<std::string>& advice,
                        const MakeTask& make_task) {
    check(flags.baseline.empty() || flags.baseline == "random", "--baseline {}: there is none but random",
          flags.baseline);
    check(flags.baseline.empty() || !flags.resumes(),
          "--baseline {}: a run that is resumed has no baseline of its own; leave the flag out", flags.baseline);
    const StopFlag& stop = stop_on_signals();
    const TrainSettings& settings = run.settings;
    set_threads(static_cast<int>(settings.machine.threads));
    const std::unique_ptr<Backend> backend = make_backend(settings.machine.device);
    const std::unique_ptr<Backend> augmenting = make_augmenting_backend(settings.machine.augment_on, *backend);
    note_emulation(*backend);
    note_slow_precision(precision_from_name(settings.run.precision), *backend);
    configure(*backend, settings.run);
    const Splits data = open_data(settings, flags);
    SingleProcess comm;
    const Training training = make_task(data, *backend, comm);
    Task* const task = training.task.get();
    ProgressBar progress(flags.json ? stderr : stdout);
    for (const std::string& note : data.notes) progress.note(note);
    if (!flags.resumes()) {
        for (const std::string& sentence : advice) progress.note(sentence);
        for (const std::string& sentence : data_advice(settings, task->loader_plan())) progress.note(sentence);
    }
    const ViewBackends backends = {augmenting ? *augmenting : *backend, *backend};
    RunDescription described = run;
    described.diagnostics = training.diagnostics.get();
    const RunSummary summary = train(*task, described, backends, {&progress}, comm, stop);
    if (summary.end == RunEnd::stopped) end_with(kTryAgain);
    if (!flags.json) {
        print_summary(run, summary, data, task->classifies() ? Classifier::yes : Classifier::no);
    } else if (flags.baseline.empty() || summary.end == RunEnd::stopped) {
        print_json(to_json(run.command, summary));
    }
    return summary;
}

void report_with_baseline(const TrainingFlags& flags, const std::string& command, const RunSummary& run,
                          const RunSummary& baseline) {
    if (flags.json) {
        nlohmann::ordered_json object = to_json(command, run);
        object["baseline_random"] = to_json(command, baseline);
        return print_json(object);
    }
    if (!run.evaluation || !baseline.evaluation) return;
    fmt::print("\nWith the checkpoint's weights, and with the network untrained:\n");
    for (const Measurement& trained : run.evaluation->values) {
        for (const Measurement& untrained : baseline.evaluation->values) {
            if (trained.name != untrained.name || trained.unit != ValueName::Unit::percent) continue;
            fmt::print("  {:<10} {:>6.2f} % {:>6.2f} %\n", trained.text, trained.value, untrained.value);
        }
    }
}

}  // namespace moco::apps
