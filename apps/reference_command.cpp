#include "apps/reference_command.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "core/shell_word.h"

namespace moco::apps {
namespace {

enum class Takes { nothing, value };

/// What has no meaning in a program of one process that needs no launcher.
const std::map<std::string, Takes> kDropped = {
    {"--dist-url", Takes::value},
    {"--dist-backend", Takes::value},
    {"--multiprocessing-distributed", Takes::nothing},
    {"--world-size", Takes::value},
    {"--rank", Takes::value},
    {"--gpu", Takes::value},
    {"--start-epoch", Takes::value},
    {"--print-freq", Takes::value},
    {"-p", Takes::value},
};

}  // namespace

std::string reference_command_sentence(const CLI::App& command, const std::vector<std::string>& words,
                                       std::vector<std::string> unknown) {
    const auto take = [&](const std::string& word) {  // the first of that name
        const auto found = std::find(unknown.begin(), unknown.end(), word);
        if (found == unknown.end()) return false;
        unknown.erase(found);
        return true;
    };
    std::vector<std::string> dropped, kept;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string flag = words[i].substr(0, words[i].find('='));
        const auto row = kDropped.find(flag);
        if (row == kDropped.end() || !take(words[i])) {
            kept.push_back(words[i]);
            continue;
        }
        dropped.push_back(flag);
        const bool value_follows = row->second == Takes::value && flag == words[i] && i + 1 < words.size();
        if (value_follows) take(words[++i]);
    }
    if (dropped.empty()) return {};
    const auto is_folder = [](const std::string& word) { return !word.starts_with("-"); };
    const auto images = std::find_if(unknown.begin(), unknown.end(), is_folder);
    const bool named = images != unknown.end();
    if (named) {
        kept.erase(std::find(kept.rbegin(), kept.rend(), *images).base() - 1);
        kept.insert(kept.end(), {"--data", "folder:" + *images});
        unknown.erase(images);
    }
    std::transform(kept.begin(), kept.end(), kept.begin(), for_shell);
    const std::string rest =
        unknown.empty() ? "" : fmt::format("; it does not know {} either", fmt::join(unknown, ", "));
    return fmt::format("moco {} runs in one process: drop {}{}: `moco {}`{}", command.get_name(),
                       fmt::join(dropped, ", "), named ? " and name the images by --data" : "", fmt::join(kept, " "),
                       rest);
}

}  // namespace moco::apps
