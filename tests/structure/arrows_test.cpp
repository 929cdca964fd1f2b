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

/// Within moco: the method's own files ("moco") and the rooms beside them.
const std::map<std::string, std::vector<std::string>> kMayIncludeWithinMoco = {
    {"moco", {"moco"}},
    {"moco/data", {"moco/data"}},
    {"moco/train", {"moco/train", "moco/data"}},
    {"moco/eval", {"moco/eval", "moco/data", "moco/interchange"}},
    {"moco/interchange", {"moco/interchange"}},
    {"moco/tasks", {"moco/tasks", "moco/train", "moco/eval", "moco/data", "moco/interchange", "moco"}},
    {"moco/study", {"moco/study", "moco/tasks", "moco/train", "moco/eval", "moco/data", "moco/interchange", "moco"}},
};

/// "moco/train" of "moco/train/settings/table.h", "moco" of "moco/queue.h".
std::string room_within_moco(const fs::path& path) {
    auto part = path.begin();
    const std::string first = (part++)->string(), second = part->string();
    return ++part == path.end() ? first : first + "/" + second;
}

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

/// The whole of an include: "moco/train/task.h".
std::string included_path(const std::string& line) {
    const size_t open = line.find_first_of("\"<"), close = line.find_last_of("\">");
    return line.substr(open + 1, close - open - 1);
}

TEST(Structure, TheRoomsOfMocoIncludeOnlyWhatStandsBelowThem) {
    const fs::path root = MOCO_SOURCE_DIR;
    int includes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(root / "moco")) {
        if (!is_source(entry.path())) continue;
        const fs::path path = fs::relative(entry.path(), root);
        const auto allowed = kMayIncludeWithinMoco.find(room_within_moco(path));
        ASSERT_TRUE(allowed != kMayIncludeWithinMoco.end()) << path << " is in a room that this test does not know";
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
            if (included_room(line) != "moco") continue;
            const std::string to = room_within_moco(included_path(line));
            ++includes;
            EXPECT_TRUE(std::find(allowed->second.begin(), allowed->second.end(), to) != allowed->second.end())
                << path << ": " << allowed->first << " must not include " << to << ": " << line;
        }
    }
    EXPECT_GT(includes, 100) << "the sources were not found below " MOCO_SOURCE_DIR;
}

TEST(Structure, RoomsWithinMocoAreRecognised) {
    EXPECT_EQ(room_within_moco("moco/queue.h"), "moco");
    EXPECT_EQ(room_within_moco("moco/train/task.h"), "moco/train");
    EXPECT_EQ(room_within_moco("moco/train/settings/table.h"), "moco/train");
    EXPECT_EQ(included_path("#include \"moco/train/task.h\""), "moco/train/task.h");
}

TEST(Structure, AnIncludeIsRecognised) {
    EXPECT_EQ(included_room("#include \"core/tensor.h\""), "core");
    EXPECT_EQ(included_room("  #  include <cpu/conv2d.h>"), "cpu");
    EXPECT_EQ(included_room("#include \"../cpu/conv2d.h\""), "..");
    EXPECT_EQ(included_room("#include <vector>"), "");
    EXPECT_EQ(included_room("// see core/tensor.h"), "");
}

}  // namespace
