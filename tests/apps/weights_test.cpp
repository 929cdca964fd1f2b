// Other programs' weights, as a user meets them.
#include <nlohmann/json.hpp>

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

TEST(Weights, AFileWithoutAResNetIsRefusedByEveryCommand) {
    const std::string file = MOCO_SOURCE_DIR "/tests/golden/interchange/new.pth";
    expect_sentence(run_moco({"info", file}), 1, {"new.pth holds no ResNet", "state_dict.f64"});
    expect_sentence(run_moco({"knn", "--checkpoint", file, "--data", "shapes:64"}), 1, {"new.pth holds no ResNet"});
    expect_sentence(run_moco(small_run(TempFolder() / "run", {"--init", file})), 1, {"new.pth holds no ResNet"});
}

}  // namespace
}  // namespace moco::testing
