// Finding settings by name; for the sources that read them (flags, files, checkpoints).
#pragma once

#include <string>
#include <string_view>

#include "moco/config.h"

namespace moco {

/// The row of that name, or null.
const ConfigOption* find_option(std::string_view name);
/// The known name that takes the fewest changes of a letter to reach.
std::string_view nearest_option(std::string_view name);
/// A value as an error message shows it.
std::string text_of(const OptionValue& value);
/// The text of a settings file. Throws Error naming it.
std::string read_settings(const std::filesystem::path& path);
/// The settings that decide results (Decides::method), one `name = value` a line; from_toml reads it.
std::string method_settings(const RunConfig& config);

}  // namespace moco
