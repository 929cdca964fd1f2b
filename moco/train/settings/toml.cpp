#include "moco/train/settings/toml.h"

#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <fstream>
#include <sstream>

#include "core/error.h"

namespace moco {
namespace {

// Pretraining came first: its files do not say what they are.
constexpr std::string_view kTask = "task", kPretrain = "pretrain";

std::string toml_text(const SettingValue& value) {
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

SettingValue read_list(const toml::array& array, const std::string& where, std::string_view key) {
    std::vector<int64_t> values;
    for (const toml::node& node : array) {
        const auto value = node.value_exact<int64_t>();
        check(value.has_value(), "{}: {} must be a list of whole numbers", where, key);
        values.push_back(*value);
    }
    return values;
}

SettingValue read_value(const toml::node& node, const std::string& where, std::string_view key) {
    if (const auto value = node.value_exact<bool>()) return *value;
    if (const auto value = node.value_exact<int64_t>()) return *value;
    if (const auto value = node.value_exact<double>()) return *value;
    if (const auto value = node.value_exact<std::string>()) return *value;
    if (const toml::array* array = node.as_array()) return read_list(*array, where, key);
    fail("{}: {} must be a number, a text, true or false, or a list of whole numbers; tables are not used", where, key);
}

/// A number as a flag would give it; nothing for what is none.
std::optional<std::string> number_text(const toml::node& node) {
    if (const auto whole = node.value_exact<int64_t>()) return fmt::format("{}", *whole);
    if (const auto real = node.value_exact<double>()) return fmt::format("{}", *real);
    return std::nullopt;
}

/// Of settings that take text because their flags take lists of numbers (`moco probe --lr 0.3,1,3`): a number or a list
/// of them as that text; nothing for what is no number or list of numbers.
std::optional<std::string> numbers_text(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return number_text(node);
    std::string all;
    for (const toml::node& element : *array) {
        const std::optional<std::string> number = number_text(element);
        if (!number) return std::nullopt;
        all += (all.empty() ? "" : ",") + *number;
    }
    return all;
}

SettingValue read_for(const Setting& row, const toml::node& node, const std::string& where) {
    if (std::holds_alternative<std::string>(row.by_default)) {
        if (const std::optional<std::string> text = numbers_text(node)) return *text;
        check(!node.is_array(), "{}: {} must be a text, a number, or a list of numbers", where, row.name);
    }
    return read_value(node, where, row.name);
}

toml::table parse_toml(std::string_view text, std::string_view name) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        fail("{}: this is no TOML: {}", place(name, error.source()), error.description());
    }
}

}  // namespace

std::string to_toml(const SettingTable& table, std::string_view command) {
    std::string text = fmt::format("# The settings of one run of `moco {}`; a valid --config.\n", command);
    if (command != kPretrain) text += fmt::format("{} = \"{}\"\n", kTask, command);
    std::string_view group;
    for (const Setting& row : table.rows()) {
        if (!row.stands_for.empty()) continue;
        if (row.group != group) text += fmt::format("\n# ---- {} ----\n", row.group);
        group = row.group;
        const std::string value = toml_text(row.get());
        const std::string setting = fmt::format("{} = {}", row.name, value.empty() ? "..." : value);
        text += fmt::format("{}{:<32}  # {}\n", value.empty() ? "# " : "", setting, row.help);
    }
    return text;
}

std::string method_settings(const SettingTable& table) {
    std::string text;
    for (const Setting& row : table.rows()) {
        if (row.kind.decides != Decides::method) continue;
        const SettingValue value = row.get();
        if (row.kind.in_checkpoints == InCheckpoints::if_changed && value == row.by_default) continue;
        const std::string written = toml_text(value);
        if (!written.empty()) text += fmt::format("{} = {}\n", row.name, written);
    }
    return text;
}

void from_toml(const SettingTable& table, std::string_view command, std::string_view text, std::string_view name) {
    const toml::table parsed = parse_toml(text, name);
    for (const auto& [key, node] : parsed) {
        if (key.str() == kTask) continue;
        const std::string where = place(name, node.source());
        const Setting* row = table.find(key.str());
        if (row == nullptr) {
            const std::string near = table.nearest(key.str());
            check(near.empty(), "{}: there is no setting '{}'; did you mean '{}'?", where, key.str(), near);
            fail("{}: there is no setting '{}'; `moco {} --help` lists them", where, key.str(), command);
        }
        const SettingValue value = read_for(*row, node, where);
        try {
            row->set(value);
        } catch (const Error& error) {
            fail("{}: {} = {}: {}", where, row->name, text_of(value), error.what());
        }
    }
}

void check_whole(const SettingTable& table, std::string_view text, std::string_view name) {
    constexpr size_t kNamed = 12;
    const toml::table held = parse_toml(text, name);
    std::vector<std::string_view> missing;
    size_t more = 0;
    for (const Setting& row : table.rows()) {
        const bool decides = row.kind.decides == Decides::method || row.name == "preset" || row.name == "data";
        const bool may_lack = row.kind.in_checkpoints == InCheckpoints::if_changed ||
                              std::holds_alternative<std::monostate>(row.by_default);
        if (!decides || may_lack || held.contains(row.name)) continue;
        missing.size() < kNamed ? missing.push_back(row.name) : static_cast<void>(++more);
    }
    check(missing.empty(), "{} is not whole, it lacks {}{}: put a copy of the file back, or write them in", name,
          fmt::join(missing, ", "), more > 0 ? fmt::format(" and {} settings more", more) : "");
}

std::map<std::string, SettingValue> values_of_toml(std::string_view text, std::string_view name) {
    std::map<std::string, SettingValue> values;
    for (const auto& [key, node] : parse_toml(text, name)) {
        values.emplace(key.str(), read_value(node, place(name, node.source()), key.str()));
    }
    return values;
}

std::string task_of_toml(std::string_view text, std::string_view name, std::string_view otherwise) {
    return parse_toml(text, name)[kTask].value_or(std::string(otherwise));
}

std::optional<std::string> preset_of_toml(std::string_view text, std::string_view name) {
    return parse_toml(text, name)["preset"].value<std::string>();
}

std::string read_settings(const std::filesystem::path& path) {
    std::error_code ignored;
    std::ifstream file(path);
    check(file.is_open() && !std::filesystem::is_directory(path, ignored),
          "{}: the settings cannot be read; is it a file?", path.string());
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

}  // namespace moco
