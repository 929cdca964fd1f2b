// Weights between moco and PyTorch, both ways (tests/apps/weights_travel.py), where Python has it.
#include <cstdlib>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

/// Runs a script of tests/apps, which ends by printing "ok".
void run_script(const std::string& name) {
    const char* named = std::getenv("PYTHON");
    const std::string python = named != nullptr ? named : "python3";
    const std::string packages = "import torch, torchvision, numpy, PIL";
    if (run_process({"/usr/bin/env", python, "-c", packages}).exit_code != 0) {
        GTEST_SKIP() << python
                     << " has no torch, torchvision, numpy and pillow: `pip install torch torchvision pillow` in a "
                     << "venv, then PYTHON=VENV/bin/python names it";
    }
    const TempFolder folder;
    const ProcessResult result = run_process(
        {"/usr/bin/env", python, MOCO_SOURCE_DIR "/tests/apps/" + name, MOCO_PROGRAM, folder.path().string()});
    expect_success(result);
    EXPECT_NE(result.out.find("\nok\n"), std::string::npos) << result.out << result.err;
}

TEST(WeightsTravel, BetweenMocoAndPythonsPrograms) {
    run_script("weights_travel.py");
}

TEST(WeightsTravel, ARunGoesOnInPyTorchAndComesBack) {
    run_script("training_travels.py");
}

}  // namespace
}  // namespace moco::testing
