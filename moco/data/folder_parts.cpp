#include "moco/data/folder_parts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "core/error.h"
#include "moco/data/folder_entries.h"

namespace moco {
namespace {

std::string in_small_letters(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

constexpr const char* kTrain = "train";
constexpr std::array<const char*, 4> kTest = {"val", "validation", "valid", "test"};  // the first that is there

bool names_a_part(const std::string& folder) {
    const std::string name = in_small_letters(folder);
    return name == kTrain || std::find(kTest.begin(), kTest.end(), name) != kTest.end();
}

/// The subfolder of that name; with capitals only where there is none in small letters.
std::string named(const std::vector<std::string>& folders, const std::string& name) {
    if (std::find(folders.begin(), folders.end(), name) != folders.end()) return name;
    const auto found = std::find_if(folders.begin(), folders.end(),
                                    [&](const std::string& folder) { return in_small_letters(folder) == name; });
    return found == folders.end() ? "" : *found;
}

std::string test_part_of(const std::vector<std::string>& folders) {
    for (const char* name : kTest) {
        if (const std::string found = named(folders, name); !found.empty()) return found;
    }
    return "";
}

}  // namespace

FolderParts find_parts(const std::string& folder) {
    const std::vector<std::string> parts = subfolders_of(folder, names_a_part);
    const std::string train = named(parts, kTrain), test = test_part_of(parts);
    if (!train.empty() && !test.empty()) return {train, test, ""};
    const std::string only = train.empty() ? test : train;
    if (only.empty()) return {};
    for (const std::string& other : subfolders_of(folder, [&](const std::string& name) { return name != only; })) {
        if (!holds_images(folder + "/" + other)) continue;
        return {"", "",
                fmt::format("{0}: {1}/ is taken for a class, like {2}/ beside it (parts are train/ with val/ or test/, "
                            "or one of them alone)",
                            folder, only, other)};
    }
    const char* missing = train.empty() ? "no training part: these images are the training part" : "no test part";
    return {only, "", fmt::format("{}: the images are those in {}/; there is {}", folder, only, missing)};
}

}  // namespace moco
