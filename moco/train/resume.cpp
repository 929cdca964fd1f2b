#include "moco/train/resume.h"

#include <map>

#include "core/error.h"
#include "moco/train/run_folder.h"

namespace moco {

CheckpointHeader header_of_run(const std::string& command, const SettingTable& table, const Task& task,
                               const ViewBackends& backends, const std::string& names) {
    const Backend& backend = backends.trains;
    return {command,
            method_settings(table),
            trained_on(*task.loader_plan().data),
            backend.instruction_set(),
            backend.tuning(),
            std::string(backends.augments.name()),
            names,
            classifier_data(task.classifies())};
}

void check_same_run(const std::filesystem::path& file, const CheckpointHeader& then, const SettingTable& now,
                    const TrainedOn& trained_on) {
    const std::map<std::string, SettingValue> held = values_of_toml(then.config, file.string() + " (its settings)");
    for (const Setting& setting : now.rows()) {
        if (setting.kind.decides != Decides::method) continue;
        const auto found = held.find(std::string(setting.name));
        const SettingValue before = found != held.end() ? found->second : setting.by_default, after = setting.get();
        if (setting.kind.on_resume == OnResume::may_grow) {
            check(before <= after,
                  "{} was trained with {} = {}, the run's {} says {}; a resume may only make it larger", file.string(),
                  setting.name, text_of(before), kConfigFile, text_of(after));
            continue;
        }
        check(before == after, "{} was trained with {} = {}, the run's {} says {}; a resume may not change it",
              file.string(), setting.name, text_of(before), kConfigFile, text_of(after));
    }
    check(trained_on == then.trained_on,
          "{} was trained on {} ({} images of {} channels), --data is {} ({} images of {} channels)", file.string(),
          then.trained_on.data, then.trained_on.images, then.trained_on.in_channels, trained_on.data, trained_on.images,
          trained_on.in_channels);
}

void check_not_beyond(const std::filesystem::path& file, int64_t step, const RunSettings& run) {
    check(run.max_steps == 0 || run.max_steps >= step,
          "{} holds step {}, the run's {} says max-steps = {}; a resume may only make it larger (0: no limit)",
          file.string(), step, kConfigFile, run.max_steps);
}

std::string longer_cosine(const std::filesystem::path& file, const CheckpointHeader& then, const Schedule& now,
                          int64_t step, int64_t steps_per_epoch) {
    const std::map<std::string, SettingValue> held = values_of_toml(then.config, file.string() + " (its settings)");
    const auto epochs = held.find("epochs");
    if (now.kind != ScheduleKind::cosine || step == 0 || epochs == held.end()) return {};
    Schedule before = now;
    before.epochs = std::get<int64_t>(epochs->second);
    if (before.epochs >= now.epochs) return {};
    const float last =
        learning_rate(before, (step - 1) / steps_per_epoch, (step - 1) % steps_per_epoch, steps_per_epoch);
    const float next = learning_rate(now, step / steps_per_epoch, step % steps_per_epoch, steps_per_epoch);
    if (next <= last) return {};
    return fmt::format(
        "the cosine schedule now spans {} epochs instead of {}: the learning rate goes up again, from {:.3g} to {:.3g}",
        now.epochs, before.epochs, last, next);
}

std::string other_bits(const std::filesystem::path& file, const CheckpointHeader& then, const ViewBackends& now) {
    const std::string here = now.trains.instruction_set();
    if (then.instruction_set != here) {
        return fmt::format(
            "{} was written on {}, this machine computes with {}: the run goes on, but not to the same bits",
            file.string(), then.instruction_set, here);
    }
    if (!then.views_made_on.empty() && then.views_made_on != now.augments.name()) {
        return fmt::format(
            "{} was trained on views made on {}, from now on they are made on {}: the same draws, but "
            "values that differ by up to 2/255, so the run does not go on to the same bits",
            file.string(), then.views_made_on, now.augments.name());
    }
    return {};
}

std::string other_files(const std::filesystem::path& file, const CheckpointHeader& then, const std::string& names) {
    if (then.names.empty() || names.empty() || then.names == names) return {};
    return fmt::format(
        "{} was trained on as many images, but their files have other names now (or another order): were they replaced "
        "or renamed? The run goes on with what is there",
        file.string());
}

}  // namespace moco
