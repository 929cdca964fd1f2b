// moco compare as it is typed.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A run that kept its first epoch.
const fs::path& kept_run() {
    static const TempFolder folder;
    static const fs::path run = [] {
        expect_success(run_moco(small_run(folder / "kept", {"--keep-every", "1", "--seed", "5"})));
        return folder / "kept";
    }();
    return run;
}

ProcessResult compare(std::vector<std::string> networks, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"compare"};
    arguments.insert(arguments.end(), networks.begin(), networks.end());
    for (const char* word : {"--data", "shapes:512", "--minibatch", "16", "--limit", "64", "--threads", "1"}) {
        arguments.push_back(word);
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_moco(arguments);
}

TEST(CompareCommand, TwoRunsLeaveTheirResultsInTheFirst) {
    const ProcessResult text = compare({pretrained_run(), kept_run()});
    expect_success(text);
    for (const char* part : {"Linear CKA of run's layers", "linear probe, effective rank", "kNN top-1", "by chance",
                             "kappa", "eval/compare-kept: comparison.json, cka.csv, cka.png"}) {
        EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
    }
    const fs::path folder = pretrained_run() / "eval" / "compare-kept";
    const Json kept = Json::parse(read_bytes(folder / "comparison.json"));
    EXPECT_EQ(kept["networks"][0]["name"], "run");
    EXPECT_EQ(kept["networks"][1]["name"], "kept");
    EXPECT_TRUE(fs::exists(folder / "cka.png"));

    const ProcessResult json = compare({pretrained_run(), kept_run()}, {"--json"});
    expect_success(json);
    Json printed = Json::parse(json.out);
    EXPECT_EQ(printed["results"], folder.string());
    printed.erase("results");
    EXPECT_EQ(printed, kept);
}

TEST(CompareCommand, TakesTwoEpochsOfOneRunAndOtherFiles) {
    const TempFolder folder;
    expect_success(run_moco({"convert", kept_run(), folder / "bare.pth", "--to", "torchvision"}));
    const std::string kept = kept_run();
    const ProcessResult result =
        compare({kept + "@1", kept + "@2", folder / "bare.pth"},
                {"--json", "--out", folder / "found", "--transform", "resize-crop:16:16", "--stem", "cifar-s2"});
    expect_success(result);
    const Json found = Json::parse(result.out);
    EXPECT_EQ(found["networks"][0]["name"], "kept@1");
    EXPECT_EQ(found["networks"][1]["name"], "kept@2");
    EXPECT_EQ(found["networks"][2]["name"], "bare");
    EXPECT_EQ(found["pairs"].size(), 3u);
    EXPECT_LT(found["pairs"][0]["neighbours_in_common"][0]["share"].get<double>(), 1.0);
    EXPECT_GT(found["pairs"][1]["neighbours_in_common"][0]["share"].get<double>(), 0.0);
    EXPECT_TRUE(fs::exists(folder / "found/errors.csv"));
    // The same weights, as pretraining's checkpoint and as a bare file.
    EXPECT_EQ(found["pairs"][2]["neighbours_in_common"][0]["share"], 1.0);
}

/// A folder of twenty images without labels.
void make_images(const TempFolder& folder) {
    expect_success(run_moco({"views", "--data", "shapes:64", "--out", folder / "views.png"}));
    fs::create_directories(folder / "images");
    for (int i = 0; i < 20; ++i) fs::copy(folder / "views.png", folder / ("images/" + std::to_string(i) + ".png"));
}

TEST(CompareCommand, GoesOnWithoutLabelsAndSaysSo) {
    const TempFolder folder;
    make_images(folder);
    const ProcessResult result =
        run_moco({"compare", pretrained_run(), kept_run(), "--data", "folder:" + (folder / "images").string(),
                  "--minibatch", "10", "--out", folder / "found"});
    expect_success(result);
    EXPECT_NE(result.out.find("Nothing is said of classes"), std::string::npos) << result.out;
    EXPECT_FALSE(fs::exists(folder / "found/errors.csv"));
    EXPECT_TRUE(fs::exists(folder / "found/cka.png"));
}

TEST(CompareCommand, RefusesInASentence) {
    const std::string run = pretrained_run(), kept = kept_run();
    expect_sentence(compare({run}), 1, {"one network alone"});
    expect_sentence(compare({run, kept + "@7"}), 1, {"kept@7", "no checkpoint of that epoch, only of 1, 2"});
    expect_sentence(compare({run, "/none/such"}), 1, {"/none/such"});
    expect_sentence(compare({run, kept}, {"--minibatch", "65"}), 1, {"--minibatch 65", "has 51 images"});
    expect_sentence(compare({run, kept}, {"--minibatch", "3"}), 1, {"--minibatch 3"});
    expect_sentence(run_moco({"compare", run, kept}), 2, {"--data is required"});
    expect_sentence(run_moco({"compare", "--data", "shapes:64"}), 2, {"networks"});
}

TEST(CompareCommand, RefusesImagesOfOtherChannels) {
    const TempFolder folder;
    make_images(folder);
    expect_sentence(run_moco({"compare", pretrained_run(), kept_run(), "--data",
                              "folder:" + (folder / "images").string(), "--channels", "1"}),
                    1, {"has grey images", "takes RGB ones"});
}

}  // namespace
}  // namespace moco::testing
