// A pretrained run's features put to use: probe, fine-tuning, prediction, as a user types them.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"
#include "tests/support/npy.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::string> on_shapes(const std::string& command, std::vector<std::string> more) {
    std::vector<std::string> arguments = {command,  "--checkpoint", pretrained_run().string(),
                                          "--data", "shapes:64",    "--batch-size",
                                          "16",     "--threads",    "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

Json results_of(const fs::path& folder) {
    return Json::parse(read_bytes(folder / "results.json"));
}

TEST(ProbeCommand, LeavesItsResultsBesideTheEncodersRun) {
    const ProcessResult result =
        run_moco(on_shapes("probe", {"--lr", "0.1,1,10", "--val-share", "0.25", "--epochs", "2", "--schedule", "1"}));
    expect_success(result);
    const fs::path folder = pretrained_run() / "eval" / "probe";
    const Json results = results_of(folder);
    EXPECT_EQ(results["task"], "probe");
    ASSERT_EQ(results["heads"].size(), 3u);
    double best = -1, top1 = -1;
    for (const Json& head : results["heads"]) {
        if (head["val_top1"].get<double>() > best) best = head["val_top1"], top1 = head["top1"];
    }
    EXPECT_EQ(results["top1"], top1) << "of the head that the held out images chose";
    for (const char* file : {"predictions.csv", "confusion.csv", "confusion.png", "checkpoint-last.safetensors"}) {
        EXPECT_TRUE(fs::is_regular_file(folder / file)) << file;
    }
    EXPECT_NE(result.out.find("predict --run"), std::string::npos) << result.out;
}

TEST(ProbeCommand, WithLbfgsChoosesAPenalty) {
    const TempFolder folder;
    expect_success(run_moco(on_shapes(
        "probe", {"--solver", "lbfgs", "--l2", "1,0.001", "--val-share", "0.25", "--out", folder / "lbfgs"})));
    const Json results = results_of(folder / "lbfgs");
    ASSERT_EQ(results["heads"].size(), 2u);
    EXPECT_EQ(results["heads"][0]["l2"], 1.0);
    EXPECT_EQ(results["heads"][1]["l2"], 0.001);
    EXPECT_EQ(results["epoch"], 1);
}

TEST(ProbeCommand, HoldsTheEncoderAgainstAnUntrainedOne) {
    const TempFolder folder;
    const ProcessResult result =
        run_moco(on_shapes("probe", {"--features", "cached", "--lr", "1", "--epochs", "1", "--schedule", "1",
                                     "--baseline", "random", "--json", "--out", folder / "with"}));
    expect_success(result);
    const Json both = Json::parse(result.out);
    EXPECT_TRUE(both["evaluation"]["test_top1"].is_number()) << both;
    EXPECT_TRUE(both["baseline_random"]["evaluation"]["test_top1"].is_number()) << both;
    EXPECT_EQ(results_of(folder / "with-random")["top1"], both["baseline_random"]["evaluation"]["test_top1"]);
    EXPECT_NE(results_of(folder / "with-random")["per_class"], results_of(folder / "with")["per_class"]);
}

TEST(FinetuneCommand, TrainsOnAFewLabelsAndNamesThem) {
    const TempFolder folder;
    const ProcessResult result = run_moco(on_shapes(
        "finetune", {"--labels", "2", "--batch-size", "4", "--epochs", "1", "--bn", "frozen", "--label-smoothing",
                     "0.1", "--lr", "1e-5", "--layer-decay", "0.5", "--out", folder / "few"}));
    expect_success(result);
    const std::string labels = read_bytes(folder / "few" / "labels.csv");
    const Json results = results_of(folder / "few");
    EXPECT_EQ(std::count(labels.begin(), labels.end(), '\n'),
              1 + 2 * static_cast<int64_t>(results["per_class"].size()));
    EXPECT_EQ(results["task"], "finetune");
}

TEST(FinetuneCommand, MakesAtLeastAThousandStepsWhereNoEpochsAreGiven) {
    const TempFolder folder;
    const ProcessResult result =
        run_moco(on_shapes("finetune", {"--max-steps", "1", "--eval-every", "0", "--json", "--out", folder / "auto"}));
    expect_success(result);
    EXPECT_NE(read_bytes(folder / "auto" / "config.toml").find("epochs = 250"), std::string::npos)
        << "64 images make 4 batches of 16";
}

TEST(PredictCommand, AsksAClassifierAboutFiles) {
    const TempFolder folder;
    expect_success(run_moco(on_shapes("probe", {"--features", "cached", "--lr", "1", "--epochs", "1", "--schedule", "1",
                                                "--out", folder / "probe"})));
    expect_success(run_moco({"views", "--data", "shapes:64", "--preset", "fashion", "--out", folder / "picture.png"}));
    std::ofstream(folder / "notes.png") << "no image";
    const ProcessResult result =
        run_moco({"predict", "--run", folder / "probe", folder / "picture.png", folder / "notes.png", "--json"});
    EXPECT_EQ(result.exit_code, 0);
    const Json answer = Json::parse(result.out);
    ASSERT_EQ(answer["images"].size(), 1u);
    EXPECT_EQ(answer["images"][0]["path"], (folder / "picture.png").string());
    EXPECT_GE(answer["images"][0]["classes"].size(), 1u);
    ASSERT_EQ(answer["unreadable"].size(), 1u);
    const ProcessResult csv =
        run_moco({"predict", "--run", folder / "probe", folder / "picture.png", "--format", "csv"});
    expect_success(csv);
    EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 2) << csv.out;
}

TEST(PredictCommand, SaysWhatItCannotAsk) {
    const TempFolder folder;
    expect_sentence(run_moco({"predict", "--run", pretrained_run(), "x.png"}), 1, {"has no classifier", "moco probe"});
    expect_sentence(run_moco({"probe", "--data", "shapes:64"}), 1, {"--checkpoint is missing"});
    expect_sentence(run_moco(on_shapes("probe", {"--lr", "1,2"})), 1, {"--lr 1,2", "--val-share"});
    expect_sentence(run_moco(on_shapes("finetune", {"--labels", "0%"})), 1, {"--labels 0%"});
    expect_sentence(run_moco(on_shapes("finetune", {"--labels", "1000"})), 1, {"--labels 1000: class"});
    expect_sentence(run_moco(on_shapes("probe", {"--baseline", "zeros"})), 1, {"--baseline zeros"});
}

}  // namespace
}  // namespace moco::testing
