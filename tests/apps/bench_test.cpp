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
        for (const char* phase : {"encode", "loss", "backward", "update"})
            EXPECT_GT(object["phases_ms"][phase], 0) << phase;
    }
    std::vector<std::string> narrow = tiny;
    narrow.insert(narrow.end(), {"--precision", "bf16"});
    const Json object = bench(narrow);
    EXPECT_EQ(object["precision"], "bf16");
    EXPECT_GT(object["loss"], 0);
}

TEST(Bench, ConvTimesEachPassOfOneShape) {
    for (const char* conv : {"auto", "direct", "winograd"}) {
        const Json object = bench({"conv", "--batch", "2", "--height", "7", "--width", "9", "--in", "5", "--out", "17",
                                   "--repeats", "2", "--conv", conv});
        EXPECT_GT(object["peak_gflops"], 0);
        EXPECT_GT(object["copy_gb_per_s"], 0);
        ASSERT_EQ(object["layers"].size(), 1u);
        const Json layer = object["layers"][0];
        EXPECT_EQ(layer["name"], "3x3 5 -> 17 @ 7x9");
        EXPECT_EQ(layer["dims"]["pad"], 1);
        for (const char* pass : {"F", "D", "W"}) {
            const Json& result = layer["passes"][pass];
            EXPECT_GT(result["ms"], 0) << pass;
            EXPECT_GE(result["median_ms"], result["ms"]) << pass;
            EXPECT_GT(result["percent_of_peak"], 0) << pass;
            EXPECT_GT(result["error"], 0) << pass << ": two ways to add up never agree to the last bit";
            EXPECT_NEAR(result["gflops"].get<double>() * result["ms"].get<double>(), 2e-6 * 2 * 7 * 9 * 17 * 5 * 9,
                        1e-9)
                << pass;
        }
    }
    const Json strided = bench({"conv", "--batch", "1", "--size", "6", "--kernel", "1", "--stride", "2", "--pad", "0",
                                "--passes", "D", "--repeats", "1"});
    EXPECT_EQ(strided["layers"][0]["name"], "1x1 64 -> 64 @ 6 /2");
    EXPECT_EQ(strided["layers"][0]["passes"].size(), 1u);
}

TEST(Bench, ConvInBf16IsHeldAgainstTheSameDefinition) {
    const Json object = bench({"conv", "--precision", "bf16", "--batch", "2", "--height", "7", "--width", "9", "--in",
                               "6", "--out", "17", "--repeats", "1"});
    EXPECT_EQ(object["precision"], "bf16");
    for (const char* pass : {"F", "D"}) {
        const double error = object["layers"][0]["passes"][pass]["error"];
        EXPECT_GT(error, 1e-4) << pass << ": more exact than bf16 can be";
        EXPECT_LT(error, 0.1) << pass;
    }
    EXPECT_EQ(object["layers"][0]["passes"].size(), 3u);
}

TEST(Bench, ConvWalksThroughANetwork) {
    const Json object = bench({"conv", "--net", "fashion", "--passes", "FD", "--repeats", "1"});
    int64_t convolutions = 0, without_backward_data = 0;
    for (const Json& layer : object["layers"]) {
        convolutions += layer["times"].get<int64_t>();
        without_backward_data += !layer["passes"].contains("D");
    }
    EXPECT_EQ(convolutions, 20);  // ResNet-18: the stem, 16 in blocks, 3 shortcuts
    EXPECT_EQ(without_backward_data, 1);
    EXPECT_EQ(object["layers"].back()["dims"]["OC"], 128);
    EXPECT_EQ(object["layers"].back()["dims"]["H"], 2);
    EXPECT_GT(object["total_ms"]["F"], 0);
    EXPECT_EQ(object["total_ms"]["W"], 0);
}

TEST(Bench, SearchPrintsItsFigures) {
    const Json object =
        bench({"search", "--queries", "70", "--bank", "500", "--dim", "9", "--k", "20", "--repeats", "2"});
    EXPECT_EQ(object["k"], 20);
    EXPECT_EQ(object["threads"], 2);
    EXPECT_GT(object["best_ms"], 0);
    EXPECT_GE(object["median_ms"], object["best_ms"]);
    EXPECT_GT(object["peak_mib"], 0);
}

TEST(Bench, OpsAreHeldAgainstTheirDefinitionsAndTimed) {
    const std::vector<std::string> tiny = {"ops", "--batch", "6",   "--size",       "5",    "--channels", "9", "--dim",
                                           "12",  "--queue", "250", "--parameters", "1001", "--repeats",  "1"};
    const Json object = bench(tiny);
    EXPECT_GT(object["copy_gb_per_s"], 0);
    std::vector<std::string> names;
    for (const Json& op : object["ops"]) {
        names.push_back(op["name"]);
        EXPECT_GT(op["ms"], 0) << op;
        EXPECT_GT(op["gb_per_s"], 0) << op;
        EXPECT_GT(op["percent_of_peak"], 0) << op;
        EXPECT_GE(op["error"], 0) << op;
    }
    EXPECT_GE(names.size(), 18u);
    for (const char* name : {"batch_norm+relu F", "batch_norm+relu B", "max_pool B", "matmul", "info_nce F",
                             "info_nce FB", "cross_entropy F", "sgd_update", "momentum_update", "enqueue", "top_k"})
        EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
    std::vector<std::string> only = tiny;
    only.insert(only.end(), {"--only", "info_nce"});
    EXPECT_EQ(bench(only)["ops"].size(), 2u);
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
    const Json demo = bench({"loader", "--data", "shapes:64", "--aug", "demo", "--size", "16", "--augment-on", "cpu"});
    EXPECT_GT(demo["images_per_s"], 0);
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
        {{"conv", "--net", "vgg"}, {"--net vgg", "resnet50-224"}},
        {{"conv", "--net", "fashion", "--in", "3"}, {"--net fashion", "one shape"}},
        {{"conv", "--in", "0"}, {"--in 0"}},
        {{"conv", "--height", "-1"}, {"--height -1"}},
        {{"conv", "--size", "2", "--kernel", "7", "--pad", "0"}, {"2 x 2", "--kernel 7"}},
        {{"conv", "--kernel", "3", "--pad", "3"}, {"--pad 3", "--kernel 3"}},
        {{"conv", "--batch", "65536", "--size", "1000"}, {"--batch 65536", "too much"}},
        {{"conv", "--passes", "FB"}, {"--passes FB"}},
        {{"conv", "--repeats", "0"}, {"--repeats 0"}},
        {{"conv", "--conv", "fft"}, {"--conv fft"}},
        {{"conv", "--precision", "f64"}, {"--precision f64", "f32, tf32, bf16"}},
        {{"ops", "--batch", "0"}, {"--batch 0"}},
        {{"ops", "--queue", "8"}, {"--queue 8", "--batch 128"}},
        {{"ops", "--size", "100000"}, {"--size 100000", "too much"}},
        {{"ops", "--only", "fft"}, {"--only fft"}},
        {{"ops", "--repeats", "0"}, {"--repeats 0"}},
        {{"step", "--precision", "f64"}, {"--precision f64", "f32, tf32, bf16"}},
        {{"loader", "--size", "0"}, {"--size 0"}},
        {{"search", "--k", "0"}, {"--k 0"}},
        {{"search", "--bank", "10", "--k", "11"}, {"--k 11", "10 rows"}},
        {{"search", "--dim", "0"}, {"--dim 0"}},
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
