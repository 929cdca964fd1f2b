#include "moco/train/settings/layers.h"

#include <fmt/ranges.h>

#include <algorithm>

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

namespace {

std::vector<std::string> names_of(const GivenFlags& flags) {
    std::vector<std::string> names;
    for (const auto& given : flags) names.push_back(given.first);
    return names;
}

std::vector<std::string> keys_of(const std::filesystem::path& file) {
    std::vector<std::string> keys;
    for (const auto& held : values_of_toml(read_settings(file), file.string())) keys.push_back(held.first);
    return keys;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// `dashes` stand before the names in the message, `where` before all of it.
void check_shorthands(const SettingTable& table, const std::vector<std::string>& given, std::string_view dashes,
                      const std::string& where) {
    for (const Setting& row : table.rows()) {
        if (!holds(given, row.name)) continue;
        for (const std::string_view other : row.stands_for) {
            check(!holds(given, other), "{}{}{} beside {}{}: {}{} sets {}{}, so give one of the two", where, dashes,
                  row.name, dashes, other, dashes, row.name, dashes, other);
        }
    }
}

}  // namespace

bool gives(const SettingSources& sources, std::string_view name) {
    return holds(names_of(sources.flags), name) || (sources.file && holds(keys_of(*sources.file), name));
}

void apply(const SettingTable& table, std::string_view command, const SettingSources& sources) {
    if (sources.file) {
        from_toml(table, command, read_settings(*sources.file), sources.file->string());
        check_shorthands(table, keys_of(*sources.file), "", sources.file->string() + ": ");
    }
    check_shorthands(table, names_of(sources.flags), "--", "");
    for (const auto& given : sources.flags) table.set(given.first, given.second);
}

void apply_to_resumed(const SettingTable& table, const GivenFlags& flags) {
    check_shorthands(table, names_of(flags), "--", "");
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
