#include "moco/train/settings/layers.h"

#include <fmt/ranges.h>

namespace moco {

void fail_unknown_preset(std::string_view name, const std::vector<std::string_view>& known) {
    fail("--preset {}: there is no such preset; expected one of {}", name, fmt::join(known, ", "));
}

std::string chosen_preset(const SettingSources& sources, std::string_view otherwise) {
    std::string name(otherwise);
    if (sources.file) name = preset_of_toml(read_settings(*sources.file), sources.file->string()).value_or(name);
    for (const auto& given : sources.flags) {
        if (given.first == "preset") name = given.second;
    }
    return name;
}

void check_task(const std::filesystem::path& file, std::string_view command) {
    const std::string task = task_of_toml(read_settings(file), file.string(), command);
    check(task == command, "{}: these are settings of `moco {}`, not of `moco {}`", file.string(), task, command);
}

void apply(const SettingTable& table, std::string_view command, const SettingSources& sources) {
    if (sources.file) from_toml(table, command, read_settings(*sources.file), sources.file->string());
    for (const auto& given : sources.flags) table.set(given.first, given.second);
}

void apply_to_resumed(const SettingTable& table, const GivenFlags& flags) {
    std::vector<SettingValue> before;
    for (const Setting& setting : table.rows()) before.push_back(setting.get());
    for (const auto& given : flags) {
        const Setting* setting = table.find(given.first);
        check(
            setting == nullptr || setting->kind.on_resume != OnResume::absent,
            "--{} {}: a run that is resumed has its own ({}); leave the flag out, or leave --resume out for a new run",
            given.first, given.second, setting == nullptr ? "" : text_of(setting->get()));
        table.set(given.first, given.second);
    }
    for (size_t i = 0; i < before.size(); ++i) {
        const Setting& setting = table.rows()[i];
        const SettingValue after = setting.get();
        if (before[i] == after || setting.kind.on_resume == OnResume::free) continue;
        const bool grows = setting.kind.on_resume == OnResume::may_grow;
        // 0 stands for "no limit" where it is allowed (max-steps), which is the largest of all.
        const int64_t from = grows ? std::get<int64_t>(before[i]) : 0, to = grows ? std::get<int64_t>(after) : 0;
        check(grows && (to == 0 || (from != 0 && to > from)), "--{} {}: the run to resume has {}, and a resume may {}",
              setting.name, text_of(after), text_of(before[i]), grows ? "only make it larger" : "not change it");
    }
}

}  // namespace moco
