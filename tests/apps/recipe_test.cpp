// moco recipe proposes what moco pretrain takes.
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

TEST(RecipeCommand, WritesAConfigThatPretrains) {
    const TempFolder folder;
    const std::string config = folder / "mine.toml";
    const ProcessResult proposed =
        run_moco({"recipe", "--data", "shapes:64", "--hours", "0.001", "--out", config, "--threads", "1"});
    expect_success(proposed);
    EXPECT_NE(proposed.out.find("moco pretrain --config " + config), std::string::npos) << proposed.out;
    EXPECT_NE(proposed.out.find("--moco-k"), std::string::npos) << proposed.out;
    expect_success(run_moco({"pretrain", "--config", config, "--max-steps", "1", "--threads", "1", "--knn-every", "0",
                             "--no-knn-baselines", "--out", folder / "run"}));
}

TEST(RecipeCommand, RefusesWhatItCannotLookAt) {
    expect_sentence(run_moco({"recipe", "--data", "shapes:8"}), 1, {"too few to learn from"});
    expect_sentence(run_moco({"recipe", "--data", "shapes:64", "--hours", "0"}), 1, {"--hours 0"});
}

}  // namespace
}  // namespace moco::testing
