// Settings as a TOML file: flat, one key a setting, named like the flags.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "moco/train/settings/table.h"

namespace moco {

/// Every setting but shorthands, grouped and commented; a valid --config of `moco COMMAND`. Commands other than
/// pretrain say so in a key `task`.
std::string to_toml(const SettingTable& table, std::string_view command);

/// Sets what `text` holds, but for `task`. Unknown keys are errors that name the nearest known key. `name` says where
/// the text comes from.
void from_toml(const SettingTable& table, std::string_view command, std::string_view text, std::string_view name);

/// Throws Error naming `name` and what is missing where `text`, the settings of a run, lacks some that decide its
/// results.
void check_whole(const SettingTable& table, std::string_view text, std::string_view name);

/// The settings that decide results (Decides::method), one `name = value` a line; from_toml reads it.
std::string method_settings(const SettingTable& table);

/// What a TOML text sets, by name.
std::map<std::string, SettingValue> values_of_toml(std::string_view text, std::string_view name);

/// The command whose settings a TOML text holds; `otherwise` where it does not say.
std::string task_of_toml(std::string_view text, std::string_view name, std::string_view otherwise = "pretrain");

/// The preset a TOML text names, if any.
std::optional<std::string> preset_of_toml(std::string_view text, std::string_view name);

/// The text of a settings file. Throws Error naming it.
std::string read_settings(const std::filesystem::path& path);

}  // namespace moco
