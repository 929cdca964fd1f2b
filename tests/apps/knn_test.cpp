// moco knn as it is typed: lists, one's own part, results.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"
#include "tests/support/npy.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::string> knn(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"knn", "--checkpoint", pretrained_run(), "--data", "shapes:64", "--threads",
                                          "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

Json json_of(std::vector<std::string> more) {
    more.push_back("--json");
    const ProcessResult result = run_moco(knn(std::move(more)));
    expect_success(result);
    return Json::parse(result.out);
}

TEST(KnnCommand, AListIsTheSameAsOneByOne) {
    const TempFolder folder;
    expect_success(run_moco(knn({"--knn-k", "1,5,64", "--knn-t", "0.05,0.1", "--out", folder / "list"})));
    const Json votes = Json::parse(read_bytes(folder / "list" / "results.json"))["votes"];
    int compared = 0;
    for (const Json& vote : votes) {
        if (vote["features"] != "backbone") continue;
        ++compared;
        const Json one = json_of({"--knn-k", vote["k"].dump(), "--knn-t", vote["t"].dump(), "--out", folder / "one"});
        EXPECT_EQ(one["backbone"], vote["top1"]) << vote;
        EXPECT_EQ(one["top5"], vote["top5"]) << vote;
        EXPECT_EQ(one["mean_per_class"], vote["mean_per_class"]) << vote;
    }
    EXPECT_EQ(compared, 6);
}

TEST(KnnCommand, LeavesItsResultsInTheRun) {
    const Json result = json_of({});
    const Json kept = Json::parse(read_bytes(pretrained_run() / "eval" / "knn" / "results.json"));
    EXPECT_EQ(kept["top1"], result["backbone"]);
    EXPECT_EQ(kept["task"], "knn");
    const std::string predictions = read_bytes(pretrained_run() / "eval" / "knn" / "predictions.csv");
    EXPECT_EQ(std::count(predictions.begin(), predictions.end(), '\n'), 1 + kept["images"].get<int64_t>());
}

TEST(KnnCommand, LeaveOneOutAsksTheOthers) {
    const TempFolder folder;
    const Json own = json_of({"--leave-one-out", "--knn-k", "1", "--out", folder / "own"});
    EXPECT_EQ(Json::parse(read_bytes(folder / "own" / "results.json"))["part"], "train");
    // If an image voted on itself, its nearest neighbour would always be right.
    EXPECT_LT(own["backbone"].get<double>(), 100.0);
    EXPECT_TRUE(own["leave_one_out"].get<bool>());
}

TEST(KnnCommand, ShowsAnUntrainedNetworkBeside) {
    const TempFolder folder;
    const Json both = json_of({"--baseline", "random", "--out", folder / "both"});
    EXPECT_TRUE(both["untrained"].is_number()) << both;
    EXPECT_TRUE(both["untrained_projection"].is_number()) << both;
    EXPECT_TRUE(both["backbone"].is_number()) << both;
}

TEST(KnnCommand, RefusesWhatCannotVote) {
    expect_sentence(run_moco(knn({"--knn-k", "0"})), 1, {"--knn-k 0"});
    expect_sentence(run_moco(knn({"--knn-k", "5,1000"})), 1, {"--knn-k 5,1000", "1000 is more than the 64"});
    expect_sentence(run_moco(knn({"--knn-t", "0"})), 1, {"--knn-t 0"});
    expect_sentence(run_moco(knn({"--knn-t", "nan"})), 1, {"--knn-t nan"});
    expect_sentence(run_moco(knn({"--knn-k", "5,,6"})), 1, {"--knn-k 5,,6"});
    expect_sentence(run_moco(knn({"--baseline", "zeros"})), 1, {"--baseline zeros"});
}

}  // namespace
}  // namespace moco::testing
