// What the commands that train share: settings from flags and files, resume, the device, the loop, the summary.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/advice.h"
#include "apps/command.h"
#include "apps/setting_flags.h"
#include "apps/settings_file.h"
#include "moco/data/dataset.h"
#include "moco/train/diagnostics.h"
#include "moco/train/loop.h"

namespace moco::apps {

struct TrainingFlags {
    SettingFlags settings;
    std::string config_file, resume_folder;
    std::string baseline;  // "": none; "random": the same again with the network as it starts
    bool json = false;

    bool resumes() const { return !resume_folder.empty(); }
};

/// Adds --config, --resume, --json and the flags of `table` to a command.
void add_training_flags(const Command& command, TrainingFlags& flags, const SettingTable& table);

/// Adds --baseline.
void add_baseline_flag(const Command& command, std::string& baseline);

/// The run folder that --resume means: `named`, or the folder of the checkpoint-last.safetensors that it names. Throws
/// Error for another file.
std::string run_to_resume(const std::string& named);

/// A task, and who looks inside it, perhaps nobody; that one goes first.
struct Training {
    std::unique_ptr<Task> task;
    std::unique_ptr<Diagnostics> diagnostics;
};
using MakeTask = std::function<Training(const Splits&, Backend&, Communicator&)>;

/// Trains, and says what came of it, as JSON only where no baseline follows. `make_task`: the task, on the device that
/// the settings name; `advice`: sentences for the start of a fresh run.
RunSummary run_training(const RunDescription& run, const TrainingFlags& flags, const std::vector<std::string>& advice,
                        const MakeTask& make_task);
/// Says what came of a run and of its baseline.
void report_with_baseline(const TrainingFlags& flags, const std::string& command, const RunSummary& run,
                          const RunSummary& baseline);

/// The sentence of rate_advice, where there is one.
template <typename S>
std::string rate_advice_for(const S& settings) {
    if constexpr (requires { rate_advice(settings); }) {
        return rate_advice(settings);
    } else {
        return rate_advice(settings.optimizer, preset<S>(settings.preset).optimizer);
    }
}

/// T: a task with its settings T::Settings.
template <typename T>
void run_training(const TrainingFlags& flags) {
    using S = typename T::Settings;
    SettingSources sources;
    if (!flags.config_file.empty()) sources.file = flags.config_file;
    sources.flags = flags.settings.given();
    S settings;
    if (flags.resumes()) {
        const std::string folder = run_to_resume(flags.resume_folder);
        settings = resume_settings<S>(folder, sources.flags);
        sources.file = std::filesystem::path(folder) / kConfigFile;
    } else {
        settings = resolve_settings<S>(sources);
        if constexpr (requires { take_from_checkpoint(settings, S::command); }) {
            take_from_checkpoint(settings, S::command);
        }
    }
    const SettingTable table = table_of(settings);
    naming_settings_file(sources, table, [&] { validate(settings); });
    const RunStart start = flags.resumes() ? RunStart::resume : RunStart::fresh;
    std::vector<std::string> advice = method_advice(settings);
    const std::string rate = rate_advice_for(settings);
    if (!rate.empty()) advice.push_back(rate);
    const RunDescription run = {std::string(S::command), settings, table, start};
    const MakeTask make_task = [&](const Splits& data, Backend& backend, Communicator& comm) {
        if constexpr (requires { take_from_data(settings, data); }) {
            if (!flags.resumes()) take_from_data(settings, data);
        }
        auto task = std::make_unique<T>(settings, data, backend, comm);
        Training training;
        if constexpr (requires { diagnostics_of(*task, settings, data, backend, comm); })
            training.diagnostics = diagnostics_of(*task, settings, data, backend, comm);
        training.task = std::move(task);
        return training;
    };
    const RunSummary summary = run_training(run, flags, advice, make_task);
    if constexpr (requires { settings.untrained; }) {
        if (flags.baseline.empty() || summary.end == RunEnd::stopped) return;
        settings.untrained = true;
        settings.run.out += "-random";
        report_with_baseline(flags, run.command, summary, run_training(run, flags, {}, make_task));
    }
}

/// Adds the command of T to `app`.
template <typename T>
void add_training(const Command& app, const char* description) {
    using S = typename T::Settings;
    const Command command = app.subcommand(std::string(S::command).c_str(), description);
    auto flags = std::make_shared<TrainingFlags>();
    S defaults;
    add_training_flags(command, *flags, table_of(defaults));
    if constexpr (requires { defaults.untrained; }) add_baseline_flag(command, flags->baseline);
    command.footer(presets_text<S>());
    command.runs([flags] { run_training<T>(*flags); });
}

}  // namespace moco::apps
