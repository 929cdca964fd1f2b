// Other programs' weights, as a user meets them.
#include <nlohmann/json.hpp>
#include <sstream>

#include "nn/safetensors.h"
#include "tests/apps/program.h"

namespace moco::testing {
namespace {

using Json = nlohmann::json;

/// f_q of a small run as another program's safetensors file: every name behind `prefix`.
void write_theirs(const std::filesystem::path& file, const std::string& prefix) {
    const SafetensorsFile checkpoint(pretrained_run() / "checkpoint-last.safetensors");
    std::vector<TensorItem> items;
    for (const TensorEntry& entry : checkpoint.entries()) {
        if (!entry.name.starts_with("encoder_q.")) continue;
        items.push_back({prefix + entry.name.substr(10), entry.dtype, entry.shape, [&checkpoint, entry] {
                             std::vector<std::byte> bytes(entry.bytes);
                             checkpoint.read(entry, bytes.data());
                             return bytes;
                         }});
    }
    write_safetensors(file, {}, items);
}

TEST(Weights, InfoTellsKeyByKey) {
    const TempFolder folder;
    const std::string file = folder / "theirs.safetensors";
    write_theirs(file, "state_dict.module.encoder_q.");
    const ProcessResult text = run_moco({"info", file}), json = run_moco({"info", file, "--json"});
    expect_success(text);
    expect_success(json);
    EXPECT_NE(text.out.find("renamed     state_dict.module.encoder_q.conv1.weight -> conv1.weight  F32 8x3x3x3"),
              std::string::npos)
        << text.out;
    const Json object = Json::parse(json.out);
    EXPECT_EQ(object["layout"], "the reference code (MoCo v1)");
    EXPECT_EQ(object["arch"], "resnet18");
    EXPECT_EQ(object["width"], 8);
    EXPECT_EQ(object["channels"], 3);
    EXPECT_EQ(object["head"], "linear");
    EXPECT_EQ(object["counts"]["missing"], 0);
    EXPECT_EQ(object["counts"]["renamed"], object["tensors"]);
    EXPECT_EQ(object["keys"].size(), object["tensors"].get<size_t>());
}

TEST(Weights, ConvertWritesWhatDiffFindsEqual) {
    const TempFolder folder;
    const std::string run = pretrained_run(), file = folder / "weights.pth";
    const ProcessResult converted = run_moco({"convert", run, file, "--to", "torchvision", "--json"});
    expect_success(converted);
    EXPECT_EQ(Json::parse(converted.out)["arch"], "resnet18");
    const ProcessResult same = run_moco({"diff", run, file}), json = run_moco({"diff", run, file, "--json"});
    expect_success(same);
    EXPECT_EQ(same.out, "122 tensors, 122 of one shape in both, 122 of these equal; largest difference 0\n");
    EXPECT_EQ(Json::parse(json.out)["equal"], 122);

    const std::string half = folder / "half.pth";
    expect_success(run_moco({"convert", file, half, "--to", "torchvision", "--dtype", "f16", "--strip"}));
    const ProcessResult differs = run_moco({"diff", file, half});
    expect_success(differs);
    EXPECT_NE(differs.out.find("differs     conv1.weight  8x3x3x3  largest difference"), std::string::npos)
        << differs.out;
    EXPECT_NE(differs.out.find("only in a   fc.weight"), std::string::npos) << differs.out;
    EXPECT_NE(run_moco({"diff", run, file, "--raw"}).out.find("only in a   encoder_k.conv1.weight"), std::string::npos);

    expect_sentence(run_moco({"convert", run, run + "/checkpoint-last.safetensors", "--to", "safetensors"}), 1,
                    {"would replace the file that is read"});
    expect_sentence(run_moco({"convert", run, folder / "x.pth", "--to", "keras"}), 1, {"--to keras"});
    expect_sentence(run_moco({"convert", run, folder / "x.pth", "--to", "timm", "--encoder", "z"}), 1, {"--encoder z"});
    expect_sentence(run_moco({"convert", run, folder / "x.pth", "--to", "timm", "--dtype", "f8"}), 1, {"--dtype f8"});
    expect_sentence(run_moco({"convert", run, folder / "no/x.pth", "--to", "timm"}), 1, {"no/x.pth"});
}

/// The losses of a run's log, from this step on.
std::vector<double> losses_of(const std::filesystem::path& run, int64_t from) {
    std::vector<double> losses;
    std::istringstream log(read_bytes(run / "metrics.jsonl"));
    for (std::string line; std::getline(log, line);) {
        const Json object = Json::parse(line);
        if (object["type"] == "step" && object["step"] >= from) losses.push_back(object["loss"]);
    }
    return losses;
}

/// A run as a checkpoint of the reference code, and that as a run again: both go on to the same losses.
TEST(Weights, ARunGoesToTheReferenceCodeAndBack) {
    const TempFolder folder;
    const std::string run = folder / "run", theirs = folder / "theirs.pth.tar", back = folder / "back";
    std::filesystem::copy(pretrained_run(), run, std::filesystem::copy_options::recursive);
    expect_success(run_moco({"convert", run, theirs, "--to", "moco"}));
    const std::vector<std::string> adopt = {"convert", theirs, back, "--to", "run", "--config", run + "/config.toml"};
    const ProcessResult adopted = run_moco(adopt);
    expect_success(adopted);
    EXPECT_NE(adopted.out.find("after 2 epochs and 8 steps"), std::string::npos) << adopted.out;
    EXPECT_NE(run_moco({"diff", run, back, "--raw"}).out.find("largest difference 0\n"), std::string::npos);
    for (const std::string& goes_on : {run, back}) {
        expect_success(run_moco({"pretrain", "--resume", goes_on, "--epochs", "4"}));
    }
    const std::vector<double> expected = losses_of(run, 9);
    EXPECT_EQ(expected.size(), 8u);
    EXPECT_EQ(losses_of(back, 9), expected);

    expect_sentence(run_moco(adopt), 1, {back + " already holds a run"});
    expect_sentence(run_moco({"convert", theirs, folder / "x", "--to", "run"}), 1, {"--data is missing"});
    expect_sentence(run_moco({"convert", theirs, folder / "x.pth", "--to", "timm", "--epochs", "3"}), 1,
                    {"--epochs is a setting of a run"});
    const std::string weights = folder / "weights.pth.tar";
    expect_success(run_moco({"convert", run, weights, "--to", "moco", "--strip"}));
    expect_sentence(run_moco({"convert", weights, folder / "x", "--to", "run", "--data", "shapes:64"}), 1,
                    {"weights.pth.tar", "no head"});
    EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

TEST(Weights, AnEncoderBecomesAGraph) {
    const TempFolder folder;
    const std::string run = pretrained_run(), file = folder / "e.onnx";
    const ProcessResult result =
        run_moco({"convert", run, file, "--to", "onnx", "--fold-bn", "--output", "projection"});
    expect_success(result);
    EXPECT_NE(result.out.find("images N x 3 x H x W (normalised) -> projection"), std::string::npos) << result.out;
    EXPECT_GT(std::filesystem::file_size(file), 600'000u);
    expect_sentence(run_moco({"convert", run, file, "--to", "onnx", "--output", "logits"}), 1, {"--output logits"});
    expect_sentence(run_moco({"convert", run, file, "--to", "onnx", "--dtype", "f16"}), 1, {"--to onnx writes f32"});
    expect_sentence(run_moco({"convert", run, folder / "x.pth", "--to", "timm", "--fold-bn"}), 1,
                    {"belong to --to onnx"});
}

TEST(Weights, AFileWithoutAResNetIsRefusedByEveryCommand) {
    const std::string file = MOCO_SOURCE_DIR "/tests/golden/interchange/new.pth";
    expect_sentence(run_moco({"info", file}), 1, {"new.pth holds no ResNet", "state_dict.f64"});
    expect_sentence(run_moco({"knn", "--checkpoint", file, "--data", "shapes:64"}), 1, {"new.pth holds no ResNet"});
    expect_sentence(run_moco(small_run(TempFolder() / "run", {"--init", file})), 1, {"new.pth holds no ResNet"});
}

}  // namespace
}  // namespace moco::testing
