// The namings of other programs, from their keys alone: a ResNet of width 1 is as good as one of 64.
#include <gtest/gtest.h>

#include <functional>

#include "moco/interchange/found_network.h"
#include "moco/interchange/key_names.h"
#include "moco/interchange/key_report.h"
#include "moco/interchange/open_tensors.h"
#include "moco/interchange/renamed_file.h"
#include "moco/interchange/resnet_keys.h"
#include "nn/resnet.h"
#include "nn/safetensors.h"
#include "nn/serialize.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

using Rename = std::function<std::string(const std::string&)>;

NetworkConfig narrow(const std::string& arch, Stem stem = Stem::imagenet, Head head = Head::none) {
    NetworkConfig config;
    config.arch = arch;
    config.width = 1;
    config.stem = stem;
    config.head = head;
    config.dim = 5;
    return config;
}

TensorItem zeros(const std::string& name, const std::vector<int64_t>& shape) {
    const auto bytes = static_cast<size_t>(bytes_of(FileDType::f32, shape));
    return {name, FileDType::f32, shape, [bytes] { return std::vector<std::byte>(bytes); }};
}

void add(std::vector<TensorItem>& items, const NetworkConfig& config, const Rename& rename) {
    for (const ExpectedKey& key : expected_keys(config)) items.push_back(zeros(rename(key.name), key.shape));
}

Rename behind(const std::string& prefix) {
    return [prefix](const std::string& name) { return prefix + name; };
}

/// The parts as numbers: "layer1.0.conv1.weight" -> "4.0.conv1.weight" where layer1 is number 4.
Rename numbered(const std::string& prefix, int layer1, int fc) {
    return [=](const std::string& name) {
        const std::string rest = name.substr(name.find('.'));
        if (name.starts_with("layer")) return fmt::format("{}{}{}", prefix, layer1 + name[5] - '1', rest);
        return fmt::format("{}{}{}", prefix, name.starts_with("fc") ? fc : name.starts_with("bn") ? 1 : 0, rest);
    };
}

/// The head elsewhere than the encoder.
Rename with_head(const std::string& encoder, const std::string& head) {
    return [=](const std::string& name) { return name.starts_with("fc.") ? head + name.substr(3) : encoder + name; };
}

Rename shortcuts(const std::string& prefix, int layer1) {
    return [=](const std::string& name) {
        std::string renamed = numbered(prefix, layer1, 9)(name);
        if (const size_t at = renamed.find("downsample"); at != renamed.npos) renamed.replace(at, 10, "shortcut");
        return renamed;
    };
}

Rename detectron2() {
    return [](const std::string& name) { return "model." + detectron2_name(name).value(); };
}

struct Case {
    std::string layout;
    NetworkConfig config;
    Rename rename;
    std::vector<std::pair<std::string, std::vector<int64_t>>> others = {};
    Rename second = nullptr;  // another encoder, the first in the file
};

std::vector<Case> cases() {
    const NetworkConfig r18 = narrow("resnet18"), r50 = narrow("resnet50");
    const NetworkConfig v1 = narrow("resnet50", Stem::imagenet, Head::linear),
                        v2 = narrow("resnet50", Stem::imagenet, Head::mlp);
    const NetworkConfig demo = narrow("resnet18", Stem::cifar, Head::linear);
    const NetworkConfig cifar = narrow("resnet18", Stem::cifar, Head::mlp);
    const std::string in = "state_dict.";
    return {
        {"torchvision or timm", v1, behind("")},
        {"the reference code (MoCo v1)",
         v1,
         behind(in + "module.encoder_q."),
         {{in + "module.queue", {5, 8}}},
         behind(in + "module.encoder_k.")},
        {"the reference code (MoCo v2)",
         v2,
         behind(in + "module.encoder_q."),
         {{"optimizer.state.0.momentum_buffer", {1}}},
         behind(in + "module.encoder_k.")},
        {"the reference code's CIFAR demo",
         demo,
         numbered(in + "encoder_q.net.", 3, 9),
         {},
         numbered(in + "encoder_k.net.", 3, 9)},
        {"moco-v3",
         r50,
         behind(in + "module.base_encoder."),
         {{in + "module.base_encoder.fc.0.weight", {8, 32}}, {in + "module.base_encoder.fc.1.weight", {8}}},
         behind(in + "module.momentum_encoder.")},
        {"lightly",
         cifar,
         [](const std::string& name) {
             return name.starts_with("fc.") ? "state_dict.projection_head.layers." + name.substr(3)
                                            : shortcuts("state_dict.backbone.", 2)(name);
         },
         {},
         shortcuts("state_dict.backbone_momentum.", 2)},
        {"lightly", r50, numbered("backbone.", 4, 9)},
        {"solo-learn",
         cifar,
         with_head(in + "backbone.", in + "projector."),
         {{in + "classifier.weight", {10, 8}}},
         with_head(in + "momentum_backbone.", in + "momentum_projector.")},
        {"solo-learn", r18, behind(in + "encoder."), {{in + "projector.0.weight", {8, 8}}}},
        {"mmpretrain or mmselfsup", v2, with_head(in + "backbone.", in + "neck.mlp."), {}},
        {"mmselfsup",
         v2,
         with_head("encoder_q.0.", "encoder_q.1.mlp."),
         {},
         with_head("encoder_k.0.", "encoder_k.1.mlp.")},
        {"vissl", r50, behind("classy_state_dict.base_model.model.trunk._feature_blocks."), {{"phase", {1}}}},
        {"DINO",
         r50,
         behind("teacher.backbone."),
         {{"teacher.head.mlp.0.weight", {4, 32}}},
         behind("student.module.backbone.")},
        {"SimSiam", r50, behind(in + "module.encoder."), {{in + "module.predictor.0.weight", {4, 32}}}},
        {"Barlow Twins", r50, behind("model.module.backbone."), {{"model.module.projector.0.weight", {4, 32}}}},
        {"detectron2", r50, detectron2()},
        {"torchvision's names behind 'backbone.'", r18, behind("backbone.")},
        {"torchvision's names behind 'encoder.'", r18, behind("encoder.")},
        {"torchvision's names behind 'module.'", r18, behind("module.")},
    };
}

TEST(Layouts, AreTold) {
    const TempFolder folder;
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.layout);
        std::vector<TensorItem> items;
        if (c.second) add(items, c.config, c.second);
        add(items, c.config, c.rename);
        for (const auto& [name, shape] : c.others) items.push_back(zeros(name, shape));
        write_safetensors(folder / "f.safetensors", {}, items);
        const auto file = std::make_shared<const SafetensorsFile>(folder / "f.safetensors");
        const FoundNetwork found = find_network(*file, WhichEncoder::usual);
        EXPECT_EQ(found.layout, c.layout);
        const RenamedFile renamed(file, found.names);
        const NetworkConfig config = config_from_shapes(renamed);
        EXPECT_EQ(config.arch, c.config.arch);
        EXPECT_EQ(config.width, 1);
        EXPECT_EQ(config.stem, c.config.stem);
        EXPECT_EQ(config.head, c.config.head);
        EXPECT_EQ(config.dim, config.head == Head::none ? NetworkConfig().dim : 5);
        size_t fates[5] = {};
        for (const KeyRow& row : key_report(*file, found, config)) ++fates[static_cast<size_t>(row.fate)];
        const size_t keys = expected_keys(c.config).size();
        EXPECT_EQ(fates[0] + fates[1], keys);
        EXPECT_EQ(fates[c.rename("conv1.weight") == "conv1.weight" ? 0 : 1], keys);
        EXPECT_EQ(fates[2] + fates[3], 0u);
        EXPECT_EQ(fates[4], c.others.size() + (c.second ? keys : 0));

        // The other encoder, where there is one.
        const bool dino = c.layout == "DINO";
        const WhichEncoder other = dino ? WhichEncoder::query : WhichEncoder::key;
        if (c.second) {
            const FoundNetwork second = find_network(*file, other);
            EXPECT_NE(second.encoder_prefix, found.encoder_prefix);
            EXPECT_EQ(second.names.size(), keys);
        } else {
            expect_error([&] { find_network(*file, other); }, {"--encoder k", "holds no momentum encoder"});
        }
    }
}

/// Files that PyTorch wrote (tests/golden/interchange.py): a tensor's elements are its number in the state.
TEST(Layouts, TheReferenceCodesFilesAreReadWhole) {
    struct File {
        const char *name, *layout;
        Head head;
        Stem stem;
    };
    for (const File& expected :
         {File{"reference-v2.pth.tar", "the reference code (MoCo v2)", Head::mlp, Stem::imagenet},
          File{"cifar-demo.pth", "the reference code's CIFAR demo", Head::linear, Stem::cifar}}) {
        SCOPED_TRACE(expected.name);
        const std::shared_ptr<const TensorFile> file =
            open_tensors(golden_path(std::string("interchange/") + expected.name));
        const FoundNetwork found = find_network(*file, WhichEncoder::usual);
        EXPECT_EQ(found.layout, expected.layout);
        const RenamedFile renamed(file, found.names);
        const NetworkConfig config = config_from_shapes(renamed);
        EXPECT_EQ(config.arch, "resnet18");
        EXPECT_EQ(config.head, expected.head);
        EXPECT_EQ(config.stem, expected.stem);
        EXPECT_EQ(config.dim, 16);
        const std::vector<ExpectedKey> keys = expected_keys(config);
        EXPECT_EQ(renamed.entries().size(), keys.size());
        for (size_t i = 0; i < keys.size(); ++i) {
            const TensorEntry& entry = renamed.at(keys[i].name);
            EXPECT_EQ(entry.shape, keys[i].shape);
            const double first = is_floating(entry.dtype) ? renamed.read_floats(entry)[0]
                                                          : static_cast<double>(renamed.read_integers(entry)[0]);
            EXPECT_EQ(first, static_cast<double>(i)) << keys[i].name;
        }
    }
}

TEST(Layouts, FilesWithoutAKnownResNetAreRefused) {
    const TempFolder folder;
    const auto file_of = [&](const std::vector<TensorItem>& items) {
        write_safetensors(folder / "f.safetensors", {}, items);
        return std::make_shared<const SafetensorsFile>(folder / "f.safetensors");
    };
    expect_error(
        [&] {
            find_network(*file_of({zeros("blocks.0.attn.qkv.weight", {3, 1})}), WhichEncoder::usual);
        },
        {"f.safetensors holds no ResNet", "blocks.0.attn.qkv.weight"});
    std::vector<TensorItem> items;
    add(items, narrow("resnet18"), behind(""));
    std::erase_if(items, [](const TensorItem& item) { return item.name.starts_with("layer4.1."); });
    const auto shorter = file_of(items);
    const RenamedFile renamed(shorter, find_network(*shorter, WhichEncoder::usual).names);
    expect_error([&] { config_from_shapes(renamed); }, {"f.safetensors", "2, 2, 2, 1 blocks of 2", "resnet18"});
}

TEST(Layouts, WhatIsMissingOrOfAnotherShapeIsReported) {
    const TempFolder folder;
    std::vector<TensorItem> items;
    add(items, narrow("resnet18"), behind("backbone."));
    std::erase_if(items, [](const TensorItem& item) { return item.name == "backbone.layer2.0.bn1.bias"; });
    for (TensorItem& item : items) {
        if (item.name == "backbone.layer1.0.conv2.weight") item = zeros(item.name, {1, 1, 5, 5});
    }
    write_safetensors(folder / "f.safetensors", {}, items);
    const SafetensorsFile file(folder / "f.safetensors");
    const FoundNetwork found = find_network(file, WhichEncoder::usual);
    std::vector<std::string> told;
    for (const KeyRow& row : key_report(file, found, narrow("resnet18"))) {
        if (row.fate == KeyFate::renamed) continue;
        told.push_back(fmt::format("{}: {} {}", name_of(row.fate), row.here, shape_text(row.expected)));
    }
    EXPECT_EQ(told,
              (std::vector<std::string>{"other shape: layer1.0.conv2.weight 1x1x3x3", "missing: layer2.0.bn1.bias 2"}));
}

TEST(Layouts, ExpectedKeysAreTheNetworksOwn) {
    for (const std::string& arch : resnet_names()) {
        for (const Head head : {Head::none, Head::linear, Head::mlp}) {
            const NetworkConfig config = narrow(arch, Stem::cifar, head);
            Network network(config, 0, cpu());
            const ModuleState state = network.state();
            std::map<std::string, std::pair<std::vector<int64_t>, bool>> expected, got;
            for (const NamedTensor& named : state.parameters) expected[named.name] = {to_item(named).shape, true};
            for (const NamedTensor& named : state.buffers) expected[named.name] = {to_item(named).shape, false};
            for (const ExpectedKey& key : expected_keys(config)) got[key.name] = {key.shape, key.parameter};
            EXPECT_EQ(got, expected) << arch;
        }
    }
}

TEST(KeyNames, Detectron2sComeBack) {
    EXPECT_EQ(detectron2_name("conv1.weight"), "stem.conv1.weight");
    EXPECT_EQ(detectron2_name("bn1.running_mean"), "stem.conv1.norm.running_mean");
    EXPECT_EQ(detectron2_name("layer1.0.downsample.0.weight"), "res2.0.shortcut.weight");
    EXPECT_EQ(detectron2_name("layer4.2.downsample.1.bias"), "res5.2.shortcut.norm.bias");
    EXPECT_EQ(detectron2_name("layer3.5.bn2.weight"), "res4.5.conv2.norm.weight");
    EXPECT_EQ(detectron2_name("fc.weight"), std::nullopt);
    for (const ExpectedKey& key : expected_keys(narrow("resnet50"))) {
        EXPECT_EQ(torchvision_name_of_detectron2(detectron2_name(key.name).value()), key.name);
    }
}

}  // namespace
}  // namespace moco::testing
