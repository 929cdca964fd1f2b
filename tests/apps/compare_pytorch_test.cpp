// scripts/compare-pytorch: what it says where it cannot compare.
#include "tests/apps/program.h"

namespace moco::testing {
namespace {

ProcessResult compare(std::vector<std::string> flags, const std::string& python) {
    std::vector<std::string> arguments = {"/usr/bin/env", "PYTHON=" + python,
                                          "python3",      MOCO_SOURCE_DIR "/scripts/compare-pytorch",
                                          "--moco",       MOCO_PROGRAM};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return run_process(arguments, "");
}

TEST(ComparePyTorch, SaysInOneSentenceWhatIsMissing) {
    if (run_process({"/usr/bin/env", "python3", "-c", ""}, "").exit_code != 0) GTEST_SKIP() << "no python3 here";
    const struct {
        ProcessResult result;
        std::vector<std::string> texts;
    } cases[] = {
        {compare({}, "/no/such/python"), {"/no/such/python has no torch", "pip install torch torchvision", "PYTHON="}},
        {compare({"loader"}, "/bin/false"), {"/bin/false has no torch", "venv"}},
        {compare({"search"}, "/bin/false"), {"/bin/false has no faiss", "pip install faiss-cpu"}},
        {compare({"--moco", "/no/moco"}, "python3"), {"/no/moco is not built yet: run scripts/build"}},
        {compare({"--rounds", "0"}, "python3"), {"--rounds 0"}},
    };
    for (const auto& [result, texts] : cases) {
        EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
        EXPECT_TRUE(result.err.starts_with("compare-pytorch: ")) << result.err;
        for (const std::string& text : texts) EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    }
}

}  // namespace
}  // namespace moco::testing
