// A small run from its first step to what is done with its checkpoint.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/program.h"
#include "tests/support/npy.h"

namespace moco::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<Json> lines_of(const fs::path& file) {
    std::vector<Json> lines;
    std::istringstream text(read_bytes(file));
    for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
    return lines;
}

/// A finished run that the tests share.
const fs::path& finished_run() {
    static const TempFolder folder;
    static const fs::path run = [] {
        expect_success(run_moco(small_run(folder / "run", {"--knn-every", "1", "--knn-baselines"})));
        return folder / "run";
    }();
    return run;
}

TEST(Run, LeavesItsFiles) {
    for (const char* name : {"config.toml", "metrics.jsonl", "checkpoint-last.safetensors"}) {
        EXPECT_TRUE(fs::is_regular_file(finished_run() / name)) << name;
    }
    int event_files = 0, others = 0;
    for (const auto& entry : fs::directory_iterator(finished_run())) {
        entry.path().filename().string().starts_with("events.out.tfevents.") ? ++event_files : ++others;
    }
    EXPECT_EQ(event_files, 1);
    EXPECT_EQ(others, 3);
}

TEST(Run, MetricsHaveTheirDocumentedKeys) {
    int steps = 0, epochs = 0, baselines = 0, looks = 0;
    for (const Json& line : lines_of(finished_run() / "metrics.jsonl")) {
        if (line["type"] == "step") {
            ++steps;
            EXPECT_EQ(line["step"], steps);
            for (const char* key : {"epoch", "loss", "contrast_accuracy", "lr", "images_per_s"}) {
                EXPECT_TRUE(line[key].is_number()) << key << " in " << line;
            }
        } else if (line["type"] == "epoch") {
            ++epochs;
            EXPECT_EQ(line["epoch"], epochs);
            for (const char* key : {"loss", "knn_backbone", "knn_projection", "seconds"}) {
                EXPECT_TRUE(line[key].is_number()) << key << " in " << line;
            }
        } else if (line["type"] == "diagnostics") {
            ++looks;
            EXPECT_EQ(line["step"], looks);
            for (const char* key : {"chance_loss", "floor_loss", "gradient_norm", "positive_mean", "alignment"}) {
                EXPECT_TRUE(line[key].is_number()) << key << " in " << line;
            }
            EXPECT_TRUE(line["negatives"]["counts"].is_array()) << line;
        } else {
            EXPECT_EQ(line["type"], "baselines");
            EXPECT_TRUE(line["knn_pixels"].is_number()) << line;
            ++baselines;
        }
    }
    EXPECT_EQ(steps, 8);
    EXPECT_EQ(epochs, 2);
    EXPECT_EQ(baselines, 1);
    EXPECT_EQ(looks, 8);
}

TEST(Run, KnnOfTheCheckpointIsThatOfTheRun) {
    const ProcessResult result = run_moco(
        {"knn", "--checkpoint", finished_run(), "--data", "shapes:64", "--baselines", "--json", "--threads", "1"});
    expect_success(result);
    const Json now = Json::parse(result.out);
    const std::vector<Json> lines = lines_of(finished_run() / "metrics.jsonl");
    EXPECT_EQ(lines.front()["type"], "baselines");
    EXPECT_EQ(now["pixels"], lines.front()["knn_pixels"]);
    EXPECT_EQ(now["untrained"], lines.front()["knn_backbone"]);
    EXPECT_EQ(now["backbone"], lines.back()["knn_backbone"]);
    EXPECT_EQ(now["projection"], lines.back()["knn_projection"]);
}

TEST(Run, FeaturesHaveOneRowAnImage) {
    const TempFolder folder;
    for (const auto& [layer, width] :
         std::vector<std::pair<std::string, int64_t>>{{"backbone", 64}, {"projection", 16}}) {
        expect_success(run_moco({"features", "--checkpoint", finished_run(), "--data", "shapes:64", "--layer", layer,
                                 "--out", folder.path()}));
        const auto features = read_npy(folder / "features.npy");
        EXPECT_EQ(features.shape, (std::vector<int64_t>{64, width}));
        EXPECT_EQ(read_npy(folder / "labels.npy").shape, (std::vector<int64_t>{64}));
        const std::string paths = read_bytes(folder / "paths.txt");
        EXPECT_EQ(std::count(paths.begin(), paths.end(), '\n'), 64);
    }
    expect_sentence(run_moco({"features", "--checkpoint", finished_run(), "--data", "shapes:64", "--layer", "head",
                              "--out", folder.path()}),
                    1, {"--layer head", "backbone"});
    expect_sentence(run_moco({"features", "--checkpoint", finished_run(), "--data", "shapes:64", "--split", "half",
                              "--out", folder.path()}),
                    1, {"--split half"});
    expect_sentence(run_moco({"features", "--checkpoint", finished_run(), "--data", "shapes:64", "--transform", "blur",
                              "--out", folder.path()}),
                    1, {"blur", "imagenet-eval"});
}

TEST(Run, PicturesAreDrawn) {
    const TempFolder folder;
    const std::string magic = "\x89PNG";
    expect_success(run_moco(
        {"neighbours", "--checkpoint", finished_run(), "--data", "shapes:64", "--out", folder / "neighbours.png"}));
    EXPECT_TRUE(read_bytes(folder / "neighbours.png").starts_with(magic));
    expect_success(run_moco({"views", "--preset", "v2", "--data", "shapes:64", "--image-size", "32", "--rows", "2",
                             "--out", folder / "views.png"}));
    EXPECT_TRUE(read_bytes(folder / "views.png").starts_with(magic));
}

TEST(Run, InfoTellsWhatThingsAre) {
    const Json checkpoint = Json::parse(run_moco({"info", "--json", finished_run()}).out);
    EXPECT_EQ(checkpoint["kind"], "checkpoint");
    EXPECT_EQ(checkpoint["step"], 8);
    EXPECT_EQ(checkpoint["config"]["arch"], "resnet18");
    EXPECT_EQ(checkpoint["config"]["moco-k"], 40);
    const Json data = Json::parse(run_moco({"info", "--json", "shapes:64"}).out);
    EXPECT_EQ(data["kind"], "data set");
    EXPECT_EQ(data["train"]["images"], 64);
    EXPECT_EQ(data["class_names"].size(), data["train"]["classes"]);
    EXPECT_NE(run_moco({"info", finished_run()}).out.find("moco-k"), std::string::npos);
    EXPECT_NE(run_moco({"info", "shapes:64"}).out.find("64 images"), std::string::npos);
}

TEST(Run, BenchReportsItsKeys) {
    const ProcessResult result =
        run_moco({"bench", "step", "--arch", "resnet18", "--width", "8", "--stem", "cifar-s2", "--size", "16",
                  "--batch", "8", "--queue", "64", "--threads", "1", "--steps", "4", "--json"});
    expect_success(result);
    const Json report = Json::parse(result.out);
    for (const char* key : {"median_ms", "images_per_s", "peak_mib", "loss"}) EXPECT_GT(report[key], 0) << key;
    for (const char* phase : {"encode", "loss", "backward", "update"}) {
        EXPECT_GT(report["phases_ms"][phase], 0) << phase;
    }
    EXPECT_EQ(report["threads"], 1);
}

TEST(Run, ABarOnATerminal) {
    const TempFolder folder;
    std::string command = MOCO_PROGRAM;
    for (const std::string& argument : small_run(folder / "run", {"--epochs", "20"})) command += " '" + argument + "'";
    // script(1) runs it on a terminal of its own.
    if (run_process({"/usr/bin/script", "-qec", "true", folder / "typescript"}).exit_code != 0) {
        GTEST_SKIP() << "no pseudo-terminal to be had here";
    }
    const ProcessResult result =
        run_process({"/usr/bin/script", "-qec", "stty columns 100; " + command, folder / "typescript"});
    expect_success(result);
    EXPECT_NE(result.out.find("\r\033[Kepoch 1/20 ["), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("images/s"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("left"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("epoch 20/20 done"), std::string::npos) << result.out;
}

TEST(Run, PlainLinesWhereTheOutputIsNoTerminal) {
    const TempFolder folder;
    const ProcessResult result = run_moco(small_run(folder / "run"));
    EXPECT_EQ(result.out.find('\r'), std::string::npos);
    EXPECT_EQ(result.out.find('\033'), std::string::npos);
    EXPECT_NE(result.out.find("epoch 2/2 done"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("images/s"), std::string::npos) << result.out;
    EXPECT_EQ(result.err, "");
}

TEST(Run, EveryCommandsResultIsOneJsonObject) {
    const TempFolder folder;
    const std::string run = finished_run();
    const auto json_of = [](std::vector<std::string> arguments) {
        arguments.push_back("--json");
        const ProcessResult result = run_moco(arguments);
        expect_success(result);
        return Json::parse(result.out);
    };
    const Json pretrained = json_of(small_run(folder / "run", {"--max-steps", "2"}));
    EXPECT_EQ(pretrained["task"], "pretrain");
    EXPECT_EQ(pretrained["end"], "finished");
    EXPECT_EQ(pretrained["step"], 2);
    EXPECT_EQ(pretrained["folder"].get<std::string>(), folder / "run");
    EXPECT_EQ(json_of({"features", "--checkpoint", run, "--data", "shapes:64", "--out", folder / "f"})["images"], 64);
    EXPECT_EQ(json_of({"neighbours", "--checkpoint", run, "--data", "shapes:64", "--out", folder / "n.png", "--rows",
                       "2", "--neighbours", "3"})["indices"]
                  .size(),
              6u);
    EXPECT_EQ(json_of({"views", "--data", "shapes:64", "--out", folder / "v.png", "--rows", "2"})["images"], 2);
    EXPECT_EQ(json_of({"info", run})["task"], "pretrain");
}

TEST(Run, SupervisedTrainsTestsResumesAndOpensElsewhere) {
    const TempFolder folder;
    const std::string run = folder / "run";
    const std::vector<std::string> flags = {
        "supervised", "--preset",     "fashion", "--data",   "shapes:64", "--width",
        "8",          "--batch-size", "16",      "--epochs", "2",         "--threads",
        "1",          "--image-size", "32",      "--out",    run};
    std::vector<std::string> first = flags;
    first.insert(first.end(), {"--max-steps", "3"});
    const ProcessResult stopped = run_moco(first);
    expect_success(stopped);
    EXPECT_NE(stopped.out.find("--batch-size 16 goes with the rate of the preset's 128"), std::string::npos)
        << stopped.out;
    expect_success(run_moco({"supervised", "--resume", run, "--max-steps", "0"}));
    const Json results = Json::parse(read_bytes(folder / "run" / "eval" / "supervised" / "results.json"));
    EXPECT_EQ(results["step"], 8);
    EXPECT_TRUE(results["top1"].is_number());
    const Json info = Json::parse(run_moco({"info", run, "--json"}).out);
    EXPECT_EQ(info["task"], "supervised");
    EXPECT_EQ(info["config"]["arch"], "resnet18");
    const Json knn = Json::parse(run_moco({"knn", "--checkpoint", run, "--data", "shapes:64", "--json"}).out);
    EXPECT_TRUE(knn["backbone"].is_number());
    expect_sentence(run_moco({"pretrain", "--resume", run}), 1, {"moco supervised --resume " + run});
    expect_sentence(run_moco({"supervised", "--resume", finished_run()}), 1, {"moco pretrain --resume "});
    expect_sentence(run_moco({"pretrain", "--config", run + "/config.toml", "--data", "shapes"}), 1,
                    {"these are settings of `moco supervised`"});
}

}  // namespace
}  // namespace moco::testing
