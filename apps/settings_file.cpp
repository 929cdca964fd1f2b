#include "apps/settings_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <vector>

namespace moco::apps {
namespace {

/// Whether the sentence has the flag as a whole word.
bool names_flag(std::string_view sentence, std::string_view name) {
    const std::string flag = fmt::format("--{}", name);
    for (size_t at = sentence.find(flag); at != sentence.npos; at = sentence.find(flag, at + 1)) {
        const size_t end = at + flag.size();
        const bool longer = end < sentence.size() &&
                            (std::isalnum(static_cast<unsigned char>(sentence[end])) != 0 || sentence[end] == '-');
        if (!longer) return true;
    }
    return false;
}

}  // namespace

std::string word_on_file(const SettingSources& sources, const SettingTable& table, std::string_view sentence) {
    const std::string file = sources.file->string();
    const std::map<std::string, SettingValue> held = values_of_toml(read_settings(*sources.file), file);
    std::vector<std::string_view> missing;
    for (const Setting& row : table.rows()) {
        const auto same = [&](const auto& flag) { return flag.first == row.name; };
        const bool given = held.count(std::string(row.name)) > 0 ||
                           std::find_if(sources.flags.begin(), sources.flags.end(), same) != sources.flags.end();
        if (!given && names_flag(sentence, row.name)) missing.push_back(row.name);
    }
    if (held.empty()) return fmt::format("{} sets nothing", file);
    if (!missing.empty()) return fmt::format("{} does not set {}", file, fmt::join(missing, ", "));
    return fmt::format("the settings are those of {}", file);
}

}  // namespace moco::apps
