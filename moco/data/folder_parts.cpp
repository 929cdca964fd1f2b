#include "moco/data/folder_parts.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
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

std::string first_of(const std::vector<std::string>& folders, std::span<const char* const> names) {
    for (const char* name : names) {
        if (const std::string found = named(folders, name); !found.empty()) return found;
    }
    return "";
}

/// --test-part "val" or "test".
FolderParts asked_parts(const std::string& folder, const std::vector<std::string>& parts, const std::string& train,
                        const std::string& test_part) {
    const std::span<const char* const> names = kTest;
    const bool val = test_part == "val";
    check(val || test_part == "test", "--test-part {}: expected val or test", test_part);
    const std::string test = first_of(parts, val ? names.first(3) : names.last(1));
    check(!train.empty() && !test.empty(), "--test-part {}: {} has no subfolder {}, {}", test_part, folder,
          train.empty() ? kTrain : test_part.c_str(),
          parts.empty() ? "nor any other that is a part" : fmt::format("only {}", fmt::join(parts, ", ")));
    return {train, test, ""};
}

}  // namespace

FolderParts find_parts(const std::string& folder, const std::string& test_part) {
    const std::vector<std::string> parts = subfolders_of(folder, names_a_part);
    const std::string train = named(parts, kTrain), test = first_of(parts, kTest);
    if (!test_part.empty()) return asked_parts(folder, parts, train, test_part);
    if (!train.empty() && !test.empty()) return {train, test, ""};
    const std::string only = train.empty() ? test : train;
    if (only.empty()) return {};
    const Arrays arrays = holds_images(folder + "/" + only, Arrays::ignored) ? Arrays::ignored : Arrays::images;
    for (const std::string& other : subfolders_of(folder, [&](const std::string& name) { return name != only; })) {
        if (!holds_images(folder + "/" + other, arrays)) continue;
        return {"", "",
                fmt::format("{0}: {1}/ is taken for a class, like {2}/ beside it (parts are train/ with val/ or test/, "
                            "or one of them alone)",
                            folder, only, other)};
    }
    const char* missing = train.empty() ? "no training part: these images are the training part" : "no test part";
    return {only, "", fmt::format("{}: the images are those in {}/; there is {}", folder, only, missing)};
}

}  // namespace moco
