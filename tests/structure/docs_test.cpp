// The pages that show how to add something name files of the tree.
//
// A page's paths are the words of its code (between backticks, or in a block, fenced or indented) that begin with a
// small letter and hold a slash; a * stands for any part of a name. Two kinds of words are no paths of the tree: files
// that the reader of the page makes, which have my_ in their names, and places elsewhere, which begin with a capital
// letter (RUN/eval).
#include <glob.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr size_t kFewestPaths = 5;  // on a page

struct NamedPath {
    std::string path;
    int line = 0;
};

/// The lines of a text in markdown with blanks for all that is not code.
std::vector<std::string> code_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    bool in_fence = false, in_backticks = false;
    for (std::string line; std::getline(stream, line);) {
        const bool fence = line.starts_with("```"), block = !fence && (in_fence || line.starts_with("    "));
        if (fence) in_fence = !in_fence;
        if (line.empty()) in_backticks = false;  // a stray one ends with its paragraph
        lines.push_back(line);
        if (block) continue;
        for (char& c : lines.back()) {
            if (!fence && c == '`') in_backticks = !in_backticks;
            if (fence || !in_backticks) c = ' ';
        }
    }
    return lines;
}

bool may_stand_in_a_path(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string("_-.*/").find(c) != std::string::npos;
}

bool is_path(const std::string& word) {
    return !word.empty() && std::islower(static_cast<unsigned char>(word[0])) && word.find('/') != std::string::npos;
}

std::vector<NamedPath> paths_in(const std::string& text) {
    std::vector<NamedPath> paths;
    int number = 0;
    for (const std::string& line : code_of(text)) {
        ++number;
        for (auto begin = line.begin(); begin != line.end();) {
            begin = std::find_if(begin, line.end(), may_stand_in_a_path);
            const auto end = std::find_if_not(begin, line.end(), may_stand_in_a_path);
            std::string word(begin, end);
            while (word.ends_with('.')) word.pop_back();
            if (is_path(word)) paths.push_back({word, number});
            begin = end;
        }
    }
    return paths;
}

bool is_made_by_the_reader(const std::string& path) {
    return path.find("my_") != std::string::npos;
}

bool is_in_the_tree(const std::string& path) {
    glob_t found = {};
    const bool any = glob((MOCO_SOURCE_DIR "/" + path).c_str(), 0, nullptr, &found) == 0;
    globfree(&found);
    return any;
}

std::vector<fs::path> pages() {
    std::vector<fs::path> pages;
    for (const auto& entry : fs::directory_iterator(MOCO_SOURCE_DIR "/docs")) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("add-") && name.ends_with(".md")) pages.push_back(entry.path());
    }
    std::sort(pages.begin(), pages.end());
    return pages;
}

std::string text_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

TEST(Structure, PagesThatShowHowToAddSomethingNameFilesOfTheTree) {
    for (const char* page : {"add-a-data-set.md", "add-a-task.md", "add-an-encoder.md", "add-an-op.md"}) {
        EXPECT_TRUE(fs::exists(fs::path(MOCO_SOURCE_DIR "/docs") / page)) << page;
    }
    for (const fs::path& page : pages()) {
        size_t in_the_tree = 0;
        for (const auto& [path, line] : paths_in(text_of(page))) {
            if (is_made_by_the_reader(path)) continue;
            ++in_the_tree;
            EXPECT_TRUE(is_in_the_tree(path)) << page.string() << ":" << line << ": there is no " << path;
        }
        EXPECT_GE(in_the_tree, kFewestPaths) << page << " names too few files to go by";
    }
}

TEST(Structure, PathsAreTheWordsWithASlashInTheCodeOfAPage) {
    const std::string page =
        "Prose names core/prose.h and `core/tensor.h`, `ops/relu.*`.\n"
        "\n"
        "    cpu/relu.cpp  cuda/      the kernels, not N/A\n"
        "An op; `moco train --out RUN/eval` and `Tensor`, then `nn/my_net.h and\n"
        "nn/no_such.h` over a line's end, `a stray one\n"
        "\n"
        "and prose/again\n"
        "```cpp\n"
        "#include \"moco/queue.h\"  // as in moco/model.h.\n"
        "```\n"
        "| `tests/ops/relu_test.cpp` | and/or |";
    std::vector<std::string> found;
    for (const auto& [path, line] : paths_in(page)) found.push_back(std::to_string(line) + " " + path);
    EXPECT_EQ(found, (std::vector<std::string>{"1 core/tensor.h", "1 ops/relu.*", "3 cpu/relu.cpp", "3 cuda/",
                                               "4 nn/my_net.h", "5 nn/no_such.h", "9 moco/queue.h", "9 moco/model.h",
                                               "11 tests/ops/relu_test.cpp"}));
}

TEST(Structure, APathThatIsNotThereIsNoticed) {
    EXPECT_TRUE(is_in_the_tree("core/tensor.h"));
    EXPECT_TRUE(is_in_the_tree("cuda/"));
    EXPECT_TRUE(is_in_the_tree("ops/relu.*"));
    EXPECT_FALSE(is_in_the_tree("core/no_such.h"));
    EXPECT_FALSE(is_in_the_tree("coer/tensor.h"));
    EXPECT_FALSE(is_in_the_tree("ops/no_such.*"));
    EXPECT_TRUE(is_made_by_the_reader("nn/my_net.h"));
    EXPECT_FALSE(is_made_by_the_reader("nn/resnet.h"));
}

}  // namespace
