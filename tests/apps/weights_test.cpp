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

TEST(Weights, AFileWithoutAResNetIsRefusedByEveryCommand) {
    const std::string file = MOCO_SOURCE_DIR "/tests/golden/interchange/new.pth";
    expect_sentence(run_moco({"info", file}), 1, {"new.pth holds no ResNet", "state_dict.f64"});
    expect_sentence(run_moco({"knn", "--checkpoint", file, "--data", "shapes:64"}), 1, {"new.pth holds no ResNet"});
    expect_sentence(run_moco(small_run(TempFolder() / "run", {"--init", file})), 1, {"new.pth holds no ResNet"});
}

}  // namespace
}  // namespace moco::testing
