// The configuration as a TOML file: flat, one key a setting, named like the flags.
#include <toml++/toml.h>

#include <cmath>
#include <sstream>

#include "core/error.h"
#include "moco/config.h"
#include "moco/config_lookup.h"

namespace moco {
namespace {

std::string toml_text(const OptionValue& value) {
    struct Writer {
        std::string operator()(std::monostate) const { return ""; }
        std::string operator()(bool on) const { return on ? "true" : "false"; }
        std::string operator()(int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const {
            // The shortest digits that read back as the same number; a whole one needs its point to stay real.
            std::string digits = fmt::format("{}", number);
            return digits.find_first_of(".en") == std::string::npos ? digits + ".0" : digits;
        }
        std::string operator()(const std::string& text) const {
            std::ostringstream quoted;
            quoted << toml::value<std::string>(text);
            return std::move(quoted).str();
        }
        std::string operator()(const std::vector<int64_t>& list) const {
            return fmt::format("[{}]", fmt::join(list, ", "));
        }
    };
    return std::visit(Writer{}, value);
}

std::string place(std::string_view name, const toml::source_region& source) {
    return fmt::format("{}, line {}", name, source.begin.line);
}

OptionValue read_list(const toml::array& array, const std::string& where, std::string_view key) {
    std::vector<int64_t> values;
    for (const toml::node& node : array) {
        const auto value = node.value_exact<int64_t>();
        check(value.has_value(), "{}: {} must be a list of whole numbers", where, key);
        values.push_back(*value);
    }
    return values;
}

OptionValue read_value(const toml::node& node, const std::string& where, std::string_view key) {
    if (const auto value = node.value_exact<bool>()) return *value;
    if (const auto value = node.value_exact<int64_t>()) return *value;
    if (const auto value = node.value_exact<double>()) return *value;
    if (const auto value = node.value_exact<std::string>()) return *value;
    if (const toml::array* array = node.as_array()) return read_list(*array, where, key);
    fail("{}: {} must be a number, a text, true or false, or a list of whole numbers; tables are not used", where, key);
}

toml::table parse_toml(std::string_view text, std::string_view name) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        fail("{}: this is no TOML: {}", place(name, error.source()), error.description());
    }
}

}  // namespace

std::string to_toml(const RunConfig& config) {
    std::string text = "# The settings of one run of `moco pretrain`; a valid --config.\n";
    std::string_view group;
    for (const ConfigOption& option : config_options()) {
        if (option.group != group) text += fmt::format("\n# ---- {} ----\n", option.group);
        group = option.group;
        const std::string value = toml_text(option.get(config));
        const std::string setting = fmt::format("{} = {}", option.name, value.empty() ? "..." : value);
        text += fmt::format("{}{:<32}  # {}\n", value.empty() ? "# " : "", setting, option.help);
    }
    return text;
}

std::string method_settings(const RunConfig& config) {
    std::string text;
    for (const ConfigOption& option : config_options()) {
        const std::string value = toml_text(option.get(config));
        if (option.decides == Decides::method && !value.empty()) text += fmt::format("{} = {}\n", option.name, value);
    }
    return text;
}

void from_toml(RunConfig& config, std::string_view text, std::string_view name) {
    for (const auto& [key, node] : parse_toml(text, name)) {
        const std::string where = place(name, node.source());
        const ConfigOption* option = find_option(key.str());
        check(option != nullptr, "{}: there is no setting '{}'; did you mean '{}'?", where, key.str(),
              nearest_option(key.str()));
        const OptionValue value = read_value(node, where, key.str());
        try {
            option->set(config, value);
        } catch (const Error& error) {
            fail("{}: {} = {}: {}", where, option->name, text_of(value), error.what());
        }
    }
}

std::optional<std::string> preset_of_toml(std::string_view text, std::string_view name) {
    return parse_toml(text, name)["preset"].value<std::string>();
}

}  // namespace moco
