// The README's way to PyTorch, run as it stands, where Python has torch, torchvision and safetensors.
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

/// What stands between ```python and ``` in the README.
std::string python_of_readme() {
    const std::string text = read_bytes(MOCO_SOURCE_DIR "/README.md"), open = "```python\n";
    const size_t begin = text.find(open), end = text.find("```", begin + open.size());
    EXPECT_NE(end, std::string::npos) << "README.md has no Python block";
    return text.substr(begin + open.size(), end - begin - open.size());
}

TEST(Readme, ItsPythonLoadsTheBackboneStrictly) {
    const std::string python = python_of_readme();
    EXPECT_NE(python.find("strict=True"), std::string::npos);
    if (run_process({"/usr/bin/env", "python3", "-c", "import torch, torchvision, safetensors"}, "").exit_code != 0) {
        GTEST_SKIP() << "python3 with torch, torchvision and safetensors is not installed";
    }
    const TempFolder folder;
    expect_success(run_moco({"pretrain", "--preset", "v2", "--data", "shapes:16", "--image-size", "64", "--batch-size",
                             "8", "--moco-k", "16", "--max-steps", "1", "--knn-every", "0", "--out", "runs/v2"},
                            folder.path()));
    const std::string values = "\nassert network(torch.zeros(1, 3, 64, 64)).shape == (1, 2048)\n";
    expect_success(run_process({"/usr/bin/env", "python3", "-c", python + values}, folder.path()));
}

}  // namespace
}  // namespace moco::testing
