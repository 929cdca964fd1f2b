// Where settings come from: default < preset < file < flags; and what a resume may change.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "moco/train/settings/table.h"
#include "moco/train/settings/toml.h"

namespace moco {

/// (name without dashes, text), in the order given.
using GivenFlags = std::vector<std::pair<std::string, std::string>>;

struct SettingSources {
    std::optional<std::filesystem::path> file;
    GivenFlags flags;
};

/// A named layer of settings. What S, the settings of one command, must have: `preset` (a text), `add_rows(table)`, and
/// the statics `command` and `presets()`.
template <typename S>
struct Preset {
    std::string_view name;
    void (*apply)(S&);
};

/// The table over `settings`, which must outlive it.
template <typename S>
SettingTable table_of(S& settings) {
    S by_default;
    SettingTable table, defaults;
    settings.add_rows(table);
    by_default.add_rows(defaults);
    table.set_defaults(defaults);
    return table;
}

template <typename S>
std::vector<std::string_view> preset_names() {
    std::vector<std::string_view> names;
    for (const Preset<S>& preset : S::presets()) names.push_back(preset.name);
    return names;
}

/// Throws Error listing them for an unknown name.
void fail_unknown_preset [[noreturn]] (std::string_view name, const std::vector<std::string_view>& known);

/// The defaults changed by one preset.
template <typename S>
S preset(std::string_view name) {
    for (const Preset<S>& candidate : S::presets()) {
        if (candidate.name != name) continue;
        S settings;
        settings.preset = name;
        candidate.apply(settings);
        return settings;
    }
    fail_unknown_preset(name, preset_names<S>());
}

/// The preset named by the flags, else by the file, else `otherwise`.
std::string chosen_preset(const SettingSources& sources, std::string_view otherwise);

/// Whether a setting is given by the flags or the file.
bool gives(const SettingSources& sources, std::string_view name);

/// Throws Error if `file` holds the settings of another command.
void check_task(const std::filesystem::path& file, std::string_view command);

/// Reads file and flags on top of what the table's settings are. Does not validate. Throws Error where either gives a
/// shorthand beside what it stands for.
void apply(const SettingTable& table, std::string_view command, const SettingSources& sources);

/// Changes settings of a run by flags. Throws Error with both values where a flag changes what must stay.
void apply_to_resumed(const SettingTable& table, const GivenFlags& flags);

/// Where some settings of S follow from others that were given, settle(settings, sources) sees to that.
template <typename S>
S resolve_settings(const SettingSources& sources) {
    if (sources.file) check_task(*sources.file, S::command);
    S settings = preset<S>(chosen_preset(sources, S().preset));
    apply(table_of(settings), S::command, sources);
    if constexpr (requires { settle(settings, sources); }) settle(settings, sources);
    return settings;
}

}  // namespace moco
