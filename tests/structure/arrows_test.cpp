// The arrows of the house: a room includes only what stands below it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::vector<std::string>> kMayInclude = {
    {"core", {"core"}},
    {"cpu", {"core", "cpu"}},
    {"cuda", {"core", "cuda"}},
    {"ops", {"core", "ops"}},
    {"nn", {"core", "ops", "nn"}},
    {"moco", {"core", "ops", "nn", "moco"}},
    {"apps", {"core", "ops", "nn", "moco", "cpu", "cuda", "apps"}},
};

/// The first part of an include from the root of the tree ("core" of #include "core/tensor.h"); "" for other lines.
std::string included_room(const std::string& line) {
    const size_t hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#' || line.find("include", hash) == std::string::npos) return "";
    const size_t open = line.find_first_of("\"<", hash);
    if (open == std::string::npos) return "";
    const size_t slash = line.find('/', open);
    return slash == std::string::npos ? "" : line.substr(open + 1, slash - open - 1);
}

bool is_source(const fs::path& path) {
    const std::string extension = path.extension().string();
    return extension == ".h" || extension == ".cpp" || extension == ".cu" || extension == ".cuh";
}

TEST(Structure, RoomsIncludeOnlyWhatStandsBelowThem) {
    int includes = 0;
    for (const auto& [room, allowed] : kMayInclude) {
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(MOCO_SOURCE_DIR) / room)) {
            if (!is_source(entry.path())) continue;
            std::ifstream file(entry.path());
            int number = 0;
            for (std::string line; std::getline(file, line);) {
                ++number;
                const std::string to = included_room(line);
                if (to == "..") ADD_FAILURE() << entry.path() << ":" << number << " includes a path with ..: " << line;
                if (to != "tests" && !kMayInclude.contains(to)) continue;
                ++includes;
                EXPECT_TRUE(std::find(allowed.begin(), allowed.end(), to) != allowed.end())
                    << entry.path() << ":" << number << ": " << room << " must not include " << to << ": " << line;
            }
        }
    }
    EXPECT_GT(includes, 100) << "the sources were not found below " MOCO_SOURCE_DIR;
}

TEST(Structure, AnIncludeIsRecognised) {
    EXPECT_EQ(included_room("#include \"core/tensor.h\""), "core");
    EXPECT_EQ(included_room("  #  include <cpu/conv2d.h>"), "cpu");
    EXPECT_EQ(included_room("#include \"../cpu/conv2d.h\""), "..");
    EXPECT_EQ(included_room("#include <vector>"), "");
    EXPECT_EQ(included_room("// see core/tensor.h"), "");
}

}  // namespace
