// moco bench: every command runs on something tiny and says what it measured. How fast that is, no test asks.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/program.h"

namespace moco::testing {
namespace {

using Json = nlohmann::json;

Json bench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    arguments.insert(arguments.end(), {"--threads", "2", "--json"});
    const ProcessResult result = run_moco(arguments);
    expect_success(result);
    return result.exit_code == 0 ? Json::parse(result.out) : Json();
}

TEST(Bench, StepPrintsItsFigures) {
    const std::vector<std::string> tiny = {"step", "--arch",  "resnet18", "--stem",  "cifar", "--width", "4", "--size",
                                           "8",    "--batch", "4",        "--queue", "8",     "--steps", "4"};
    for (const char* conv : {"auto", "direct", "winograd"}) {
        std::vector<std::string> arguments = tiny;
        arguments.insert(arguments.end(), {"--conv", conv});
        const Json object = bench(arguments);
        EXPECT_EQ(object["conv"], conv);
        EXPECT_EQ(object["threads"], 2);
        EXPECT_EQ(object["steps"], 2);
        EXPECT_GE(object["median_ms"], object["best_ms"]);
        EXPECT_GT(object["best_ms"], 0);
        EXPECT_GT(object["loss"], 0);
        for (const char* phase : {"query", "key", "loss", "backward", "update"})
            EXPECT_GT(object["phases_ms"][phase], 0) << phase;
    }
}

TEST(Bench, LoaderDrawsJpegsOrTakesThem) {
    const TempFolder folder;
    const std::string images = folder / "images";
    const Json written = bench({"loader", "--size", "16", "--images", "8", "--rounds", "1", "--write", images});
    EXPECT_GT(written["images_per_s"], 0);
    EXPECT_EQ(written["count"], 32);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(images), {}), 32);

    const Json read = bench({"loader", "--size", "16", "--images", "8", "--rounds", "2", "--data", "folder:" + images});
    EXPECT_EQ(read["count"], 32);
    EXPECT_GT(read["images_per_s_one_core"], 0);
    EXPECT_GT(bench({"loader", "--data", "shapes:64", "--aug", "demo", "--size", "16"})["images_per_s"], 0);
}

TEST(Bench, LoaderRemovesWhatItDrewForItself) {
    const TempFolder folder;
    const ProcessResult result = run_process({"/usr/bin/env", "TMPDIR=" + folder.path().string(), MOCO_PROGRAM, "bench",
                                              "loader", "--size", "16", "--images", "4", "--rounds", "1"});
    expect_success(result);
    EXPECT_NE(result.out.find("images/s on one core"), std::string::npos) << result.out;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Bench, RefusesWhatCannotBeTimed) {
    const struct {
        std::vector<std::string> arguments, texts;
    } table[] = {
        {{"step", "--batch", "8", "--queue", "4"}, {"--queue 4", "--batch 8"}},
        {{"step", "--steps", "2"}, {"--steps 2"}},
        {{"step", "--arch", "vgg"}, {"vgg", "resnet18"}},
        {{"step", "--arch", "resnet18", "--width", "8", "--size", "3"}, {"3", "7"}},
        {{"step", "--threads", "-2"}, {"--threads -2"}},
        {{"step", "--conv", "fft"}, {"--conv fft", "auto, direct, winograd"}},
        {{"loader", "--size", "0"}, {"--size 0"}},
        {{"loader", "--images", "0"}, {"--images 0"}},
        {{"loader", "--rounds", "0"}, {"--rounds 0"}},
        {{"loader", "--aug", "v9"}, {"v9", "fashion"}},
        {{"loader", "--data", "folder:/no/such/folder"}, {"/no/such/folder"}},
        {{"loader", "--data", "shapes:64", "--write", "/tmp/x"}, {"--write /tmp/x", "--data shapes:64"}},
        {{"loader", "--write", "/dev/null/x"}, {"--write /dev/null/x"}},
    };
    for (const auto& row : table) {
        std::vector<std::string> arguments = row.arguments;
        arguments.insert(arguments.begin(), "bench");
        SCOPED_TRACE(arguments.back());
        expect_sentence(run_moco(arguments), 1, row.texts);
    }
}

}  // namespace
}  // namespace moco::testing
