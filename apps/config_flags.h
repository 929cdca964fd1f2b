// The flags of moco/config.h's table of settings, on a command line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/command.h"
#include "moco/config.h"

namespace moco::apps {

/// Settings as they were given on the command line: (name without dashes, text), in the order of the table, the last
/// one being valid.
class ConfigFlags {
  public:
    /// Adds a flag for every setting; or, with `only`, for those of these groups and names. What is not given stays
    /// with the preset or the file. This object must outlive the parse.
    void add_to(const Command& command, const std::vector<std::string_view>& only = {});
    const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

    /// What each preset changes, for the end of a `--help`.
    static std::string presets_text();

  private:
    void add_setting(const Command& command, const ConfigOption& setting);

    std::vector<std::pair<std::string, std::string>> given_;
};

}  // namespace moco::apps
