// Settings by name: each named once in a row of a table, for flags, files, presets, checkpoints and the check on
// resume.
//
// Settings are plain structs, one for each thing that they set (views.h, encoder.h, optimizer.h, ...); a command
// composes those it needs and makes one table over them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"

namespace moco {

/// What a setting holds, as files and flags write it; monostate: unset.
using SettingValue = std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<int64_t>>;

/// What a setting decides. method: the run's numbers; it stands in checkpoints. run: where data and results lie and
/// what is kept and shown. machine: how fast the same numbers come.
enum class Decides { method, run, machine };

/// Whether `--resume` may change a setting. absent: it says which run this is, and is refused whatever it says.
enum class OnResume { fixed, free, may_grow, absent };

/// When checkpoints hold a setting that decides results. if_changed: only when it is not the default, for settings that
/// came after the first files of format version 1, which are to keep their bytes.
enum class InCheckpoints { always, if_changed };

/// What a row is besides its name.
struct SettingKind {
    Decides decides = Decides::method;
    OnResume on_resume = OnResume::fixed;
    InCheckpoints in_checkpoints = InCheckpoints::always;
};

/// One row, over a variable somewhere.
struct Setting {
    std::string_view name;      // "moco-k": the flag --moco-k, the key moco-k in a file
    std::string_view group;     // heading in --help
    std::string_view argument;  // "N", "FILE", "epoch|step"; empty for an on/off setting (--name, --no-name)
    std::string_view help;      // one sentence with the unit and the paper's symbol
    SettingKind kind;
    SettingValue by_default;
    std::function<SettingValue()> get;
    /// Throws Error ("expected a whole number") if the value is of another type; a whole number will do for a real one.
    std::function<void(const SettingValue&)> set;
    std::vector<std::string_view> stands_for = {};  // of a shorthand: the settings that it sets, and that files hold
};

/// Rows in the order of --help and of files. The variables must outlive the table.
class SettingTable {
  public:
    /// The heading of the rows that follow.
    SettingTable& group(std::string_view name) {
        group_ = name;
        return *this;
    }
    /// T: bool, int64_t, uint64_t, double, std::optional<double>, std::string or std::vector<int64_t>.
    template <typename T>
    SettingTable& add(std::string_view name, std::string_view argument, T& variable, std::string_view help,
                      SettingKind kind = {});

    /// A setting that is another way to say others, which it stands for: flags and files may give it or them, files
    /// that are written hold them. `set` throws Error ("expected one of ...") for a text that says nothing.
    SettingTable& add_shorthand(std::string_view name, std::string_view argument, std::vector<std::string_view> others,
                                std::function<std::string()> get, std::function<void(const std::string&)> set,
                                std::string_view help);

    /// Takes as defaults what the variables of `defaults`, a table of the same rows, hold.
    void set_defaults(const SettingTable& defaults);

    const std::vector<Setting>& rows() const& { return rows_; }
    const std::vector<Setting>& rows() const&& = delete;  // they would go with the table
    /// The row of that name, or null.
    const Setting* find(std::string_view name) const;
    /// The known name nearest to this one; "" when none is near.
    std::string nearest(std::string_view name) const;

    /// Sets one setting from a flag's text ("0.03", "true", "120,160"). Throws Error naming the flag (and, for an
    /// unknown one, the nearest known).
    void set(std::string_view name, std::string_view text) const;

  private:
    std::string_view group_ = "Preset";
    std::vector<Setting> rows_;
};

/// A value as an error message shows it.
std::string text_of(const SettingValue& value);

/// The member of `known` nearest to `given` by edit distance, or to which other programs give a name near to it
/// ("learning_rate": lr); "" when none is near.
std::string nearest(std::string_view given, const std::vector<std::string>& known);

/// Throws Error ("expected a whole number") if `value` does not fit `target`.
void assign(bool& target, const SettingValue& value);
void assign(int64_t& target, const SettingValue& value);
void assign(uint64_t& target, const SettingValue& value);
void assign(double& target, const SettingValue& value);
void assign(std::optional<double>& target, const SettingValue& value);
void assign(std::string& target, const SettingValue& value);
void assign(std::vector<int64_t>& target, const SettingValue& value);

template <typename T>
SettingValue to_value(const T& value) {
    if constexpr (std::is_same_v<T, std::optional<double>>) {
        return value ? SettingValue(*value) : SettingValue();
    } else if constexpr (std::is_same_v<T, uint64_t>) {
        return static_cast<int64_t>(value);
    } else {
        return value;
    }
}

template <typename T>
SettingTable& SettingTable::add(std::string_view name, std::string_view argument, T& variable, std::string_view help,
                                SettingKind kind) {
    rows_.push_back({name,
                     group_,
                     argument,
                     help,
                     kind,
                     {},
                     [&variable] { return to_value(variable); },
                     [&variable](const SettingValue& value) { assign(variable, value); }});
    return *this;
}

}  // namespace moco
