// The flags of a table of settings (moco/train/settings/table.h), on a command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/command.h"
#include "moco/train/settings/layers.h"

namespace moco::apps {

/// Settings as they were given on the command line, in the order of the table, the last one being valid.
class SettingFlags {
  public:
    /// Adds a flag for every setting; or, with `only`, for those of these groups and names. What is not given stays
    /// with the preset or the file. This object must outlive the parse.
    void add_to(const Command& command, const SettingTable& table, const std::vector<std::string_view>& only = {});
    const GivenFlags& given() const { return given_; }

  private:
    void add_setting(const Command& command, const Setting& setting);

    GivenFlags given_;
};

/// What a preset changes: "--mlp --moco-t 0.2", or "the defaults".
std::string changes_text(const SettingTable& preset);

/// A heading and a line for each of (name, what it changes): the end of a `--help`.
std::string presets_text(const std::vector<std::pair<std::string_view, std::string>>& presets);

/// The presets of S, for the end of a `--help`.
template <typename S>
std::string presets_text() {
    std::vector<std::pair<std::string_view, std::string>> presets;
    for (const std::string_view name : preset_names<S>()) {
        S settings = preset<S>(name);
        presets.emplace_back(name, changes_text(table_of(settings)));
    }
    return presets_text(presets);
}

}  // namespace moco::apps
