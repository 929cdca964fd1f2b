// Values as text and back, and finding settings by name.
#include "moco/train/settings/table.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <sstream>

#include "core/parse.h"

namespace moco {
namespace {

/// Levenshtein's distance: how many letters to insert, delete or replace.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

/// "120,160" or "120 160".
std::optional<std::vector<int64_t>> parse_list(std::string_view text) {
    std::vector<int64_t> values;
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), ',', ' ');
    std::istringstream words(spaced);
    for (std::string word; words >> word;) {
        const std::optional<int64_t> value = parse_number<int64_t>(word);
        if (!value) return std::nullopt;
        values.push_back(*value);
    }
    return values;
}

/// All readings of a flag's text, the most telling first; the setting takes the first that fits its type.
std::vector<SettingValue> readings(std::string_view text) {
    std::vector<SettingValue> values;
    if (text == "true" || text == "false") values.push_back(text == "true");
    if (const auto whole = parse_number<int64_t>(text)) values.push_back(*whole);
    if (const auto real = parse_number<double>(text)) values.push_back(*real);
    values.push_back(std::string(text));
    if (auto list = parse_list(text)) values.push_back(std::move(*list));
    return values;
}

/// Takes a value of the same type, or fails saying what was expected.
template <typename Stored, typename T>
void take(T& target, const SettingValue& value, std::string_view expected) {
    const Stored* stored = std::get_if<Stored>(&value);
    check(stored != nullptr, "expected {}", expected);
    target = *stored;
}

}  // namespace

void assign(bool& target, const SettingValue& value) {
    take<bool>(target, value, "true or false");
}

void assign(int64_t& target, const SettingValue& value) {
    take<int64_t>(target, value, "a whole number");
}

void assign(uint64_t& target, const SettingValue& value) {
    const int64_t* whole = std::get_if<int64_t>(&value);
    check(whole != nullptr && *whole >= 0, "expected a whole number from 0 to 9223372036854775807 (2^63 - 1)");
    target = static_cast<uint64_t>(*whole);
}

void assign(double& target, const SettingValue& value) {
    if (const int64_t* whole = std::get_if<int64_t>(&value)) {
        target = static_cast<double>(*whole);
    } else {
        take<double>(target, value, "a number");
    }
}

void assign(std::optional<double>& target, const SettingValue& value) {
    double number = 0;
    assign(number, value);
    target = number;
}

void assign(std::string& target, const SettingValue& value) {
    take<std::string>(target, value, "a text");
}

void assign(std::vector<int64_t>& target, const SettingValue& value) {
    if (const int64_t* whole = std::get_if<int64_t>(&value)) {
        target = {*whole};
    } else {
        take<std::vector<int64_t>>(target, value, "a list of whole numbers");
    }
}

std::string text_of(const SettingValue& value) {
    struct Writer {
        std::string operator()(std::monostate) const { return "unset"; }
        std::string operator()(bool on) const { return on ? "true" : "false"; }
        std::string operator()(int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const { return fmt::format("{}", number); }
        std::string operator()(const std::string& text) const { return text.empty() ? "''" : text; }
        std::string operator()(const std::vector<int64_t>& list) const {
            return fmt::format("{}", fmt::join(list, ","));
        }
    };
    return std::visit(Writer{}, value);
}

std::string nearest(std::string_view asked, const std::vector<std::string>& known) {
    // What settings with short names are called elsewhere.
    static const std::vector<std::pair<std::string, std::string>> kElsewhere = {
        {"learning-rate", "lr"}, {"weight-decay", "wd"}, {"temperature", "moco-t"}, {"architecture", "arch"}};
    std::string given(asked), best;
    std::replace(given.begin(), given.end(), '_', '-');
    size_t best_distance = std::max<size_t>(3, given.size() / 3 + 1);  // from here on it is another word
    const auto compare = [&](const std::string& name, const std::string& means) {
        const size_t distance = edit_distance(given, name);
        if (distance >= best_distance || 2 * distance > name.size()) return;
        best = means;
        best_distance = distance;
    };
    for (const std::string& name : known) compare(name, name);
    for (const auto& other : kElsewhere) {
        if (std::find(known.begin(), known.end(), other.second) != known.end()) compare(other.first, other.second);
    }
    return best;
}

SettingTable& SettingTable::add_shorthand(std::string_view name, std::string_view argument,
                                          std::vector<std::string_view> others, std::function<std::string()> get,
                                          std::function<void(const std::string&)> set, std::string_view help) {
    const auto set_text = [set = std::move(set)](const SettingValue& value) {
        std::string text;
        assign(text, value);
        set(text);
    };
    rows_.push_back({name, group_, argument, help, {Decides::run}, {}, std::move(get), set_text, std::move(others)});
    return *this;
}

void SettingTable::set_defaults(const SettingTable& defaults) {
    for (size_t i = 0; i < rows_.size(); ++i) rows_[i].by_default = defaults.rows_[i].get();
}

const Setting* SettingTable::find(std::string_view name) const {
    for (const Setting& setting : rows_) {
        if (setting.name == name) return &setting;
    }
    return nullptr;
}

std::string SettingTable::nearest(std::string_view name) const {
    std::vector<std::string> names;
    for (const Setting& setting : rows_) names.emplace_back(setting.name);
    return moco::nearest(name, names);
}

void SettingTable::set(std::string_view name, std::string_view text) const {
    const Setting* setting = find(name);
    if (setting == nullptr) {
        const std::string near = nearest(name);
        check(near.empty(), "--{} is not known; did you mean --{}?", name, near);
        fail("--{} is not known", name);
    }
    std::string last_error;
    for (const SettingValue& value : readings(text)) {
        try {
            setting->set(value);
            return;
        } catch (const Error& error) {
            last_error = error.what();
        }
    }
    fail("--{} '{}' cannot be understood: {}", name, text, last_error);
}

}  // namespace moco
