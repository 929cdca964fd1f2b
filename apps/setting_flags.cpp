#include "apps/setting_flags.h"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>

#include "apps/help.h"

namespace moco::apps {
namespace {

/// The reference code's other names for the same flags.
std::string with_aliases(std::string_view name) {
    static const std::map<std::string_view, std::string_view> kAliases = {
        {"arch", "-a,"},           {"batch-size", "-b,"}, {"workers", "-j,"}, {"lr", "--learning-rate,"},
        {"wd", "--weight-decay,"},
    };
    const auto alias = kAliases.find(name);
    return fmt::format("{}--{}", alias == kAliases.end() ? "" : alias->second, name);
}

/// How `--help` shows a default.
struct DefaultText {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool on) const { return on ? "on" : "off"; }
    std::string operator()(int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const { return fmt::format("{:g}", value); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<int64_t>& values) const {
        return fmt::format("{}", fmt::join(values, " "));
    }
};

/// "--mlp", "--no-cos", "--lr 0.06".
std::string as_flag(const Setting& setting, const SettingValue& value) {
    if (const bool* on = std::get_if<bool>(&value)) return fmt::format("--{}{}", *on ? "" : "no-", setting.name);
    return fmt::format("--{} {}", setting.name, std::visit(DefaultText(), value));
}

}  // namespace

void SettingFlags::add_setting(const Command& command, const Setting& setting) {
    CLI::App& parser = command.parser();
    const std::string name(setting.name), help(setting.help), group(setting.group);
    CLI::Option* option = nullptr;
    if (setting.argument.empty()) {
        option = parser.add_flag(fmt::format("--{0},!--no-{0}", name), help);
        option->each([this, name](const std::string& on) { given_.emplace_back(name, on); });
    } else if (std::holds_alternative<std::vector<int64_t>>(setting.by_default)) {
        const auto given = [this, name](const std::vector<std::string>& items) {
            given_.emplace_back(name, fmt::format("{}", fmt::join(items, ",")));
        };
        option = parser.add_option_function<std::vector<std::string>>(with_aliases(name), given, help);
    } else {
        const auto given = [this, name](const std::string& text) { given_.emplace_back(name, text); };
        option = parser.add_option_function<std::string>(with_aliases(name), given, help);
    }
    if (setting.name == "data") Option(*option).once();
    option->type_name(std::string(setting.argument))
        ->group(group)
        ->default_str(std::visit(DefaultText(), setting.by_default));
}

void SettingFlags::add_to(const Command& command, const SettingTable& table,
                          const std::vector<std::string_view>& only) {
    const auto wanted = [&only](std::string_view name) {
        return std::find(only.begin(), only.end(), name) != only.end();
    };
    for (const Setting& setting : table.rows()) {
        if (only.empty() || wanted(setting.group) || wanted(setting.name)) add_setting(command, setting);
    }
}

std::string changes_text(const SettingTable& preset) {
    std::string flags;
    for (const Setting& setting : preset.rows()) {
        const SettingValue value = setting.get();
        if (setting.name == "preset" || value == setting.by_default) continue;
        flags += as_flag(setting, value) + " ";
    }
    return flags.empty() ? "the defaults" : flags;
}

std::string presets_text(const std::vector<std::pair<std::string_view, std::string>>& presets) {
    std::string text = "Presets, by what they change:\n";
    for (const auto& preset : presets) {
        text += fmt::format("  {:<12}{}\n", preset.first, wrapped(preset.second, 14, 100));
    }
    return text;
}

}  // namespace moco::apps
