#include "moco/interchange/resnet_keys.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "nn/resnet.h"

namespace moco {
namespace {

class Keys {
  public:
    void convolution(const std::string& name, int64_t out, int64_t in, int64_t kernel) {
        all.push_back({name + ".weight", {out, in, kernel, kernel}, true});
    }
    void batch_norm(const std::string& name, int64_t channels) {
        all.push_back({name + ".weight", {channels}, true});
        all.push_back({name + ".bias", {channels}, true});
        all.push_back({name + ".running_mean", {channels}, false});
        all.push_back({name + ".running_var", {channels}, false});
        all.push_back({name + ".num_batches_tracked", {}, false});
    }
    void linear(const std::string& name, int64_t out, int64_t in) {
        all.push_back({name + ".weight", {out, in}, true});
        all.push_back({name + ".bias", {out}, true});
    }
    std::vector<ExpectedKey> all;
};

int64_t expansion_of(BlockKind kind) {
    return kind == BlockKind::basic ? 1 : 4;
}

void add_block(Keys& keys, const std::string& name, BlockKind kind, int64_t in, int64_t width, bool first,
               bool strided) {
    const auto part = [&](int i, int64_t to, int64_t from, int64_t kernel) {
        keys.convolution(fmt::format("{}.conv{}", name, i), to, from, kernel);
        keys.batch_norm(fmt::format("{}.bn{}", name, i), to);
    };
    const int64_t out = width * expansion_of(kind);
    if (kind == BlockKind::basic) {
        part(1, width, in, 3);
        part(2, width, width, 3);
    } else {
        part(1, width, in, 1);
        part(2, width, width, 3);
        part(3, out, width, 1);
    }
    if (!first || (!strided && in == out)) return;
    keys.convolution(name + ".downsample.0", out, in, 1);
    keys.batch_norm(name + ".downsample.1", out);
}

/// How many blocks stage `stage` (from 1) has.
int blocks_in(const TensorFile& file, int stage) {
    int blocks = 0;
    while (file.find(fmt::format("layer{}.{}.conv1.weight", stage, blocks)) != nullptr) ++blocks;
    return blocks;
}

std::string arch_of(const TensorFile& file) {
    std::array<int, 4> blocks = {};
    for (int stage = 0; stage < 4; ++stage) blocks[static_cast<size_t>(stage)] = blocks_in(file, stage + 1);
    const bool bottleneck = file.find("layer1.0.conv3.weight") != nullptr;
    for (const ResNetLayout& layout : resnet_layouts()) {
        if (layout.blocks == blocks && (layout.block == BlockKind::bottleneck) == bottleneck) return layout.name;
    }
    fail("{} holds a ResNet of {} blocks of {} convolutions a stage; this program knows {}", file.path().string(),
         fmt::join(blocks, ", "), bottleneck ? 3 : 2, fmt::join(resnet_names(), ", "));
}

}  // namespace

std::vector<ExpectedKey> expected_keys(const NetworkConfig& config) {
    const ResNetLayout& layout = resnet_layout(config.arch);
    Keys keys;
    keys.convolution("conv1", config.width, config.in_channels, shape_of(config.stem).kernel);
    keys.batch_norm("bn1", config.width);
    int64_t in = config.width;
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
        const int64_t width = config.width << stage;
        for (int i = 0; i < layout.blocks[stage]; ++i) {
            add_block(keys, fmt::format("layer{}.{}", stage + 1, i), layout.block, in, width, i == 0, stage > 0);
            in = width * expansion_of(layout.block);
        }
    }
    if (config.head == Head::linear) keys.linear("fc", config.dim, in);
    if (config.head == Head::mlp) {
        keys.linear("fc.0", in, in);
        keys.linear("fc.2", config.dim, in);
    }
    return std::move(keys.all);
}

NetworkConfig config_from_shapes(const TensorFile& file) {
    const TensorEntry& conv1 = file.at("conv1.weight");
    check(conv1.shape.size() == 4 && conv1.count() > 0, "{}: {} has shape {}, expected that of a convolution",
          file.path().string(), file.called(conv1), shape_text(conv1.shape));
    const int64_t kernel = conv1.shape[2];
    check(conv1.shape[3] == kernel && (kernel == 7 || kernel == 3),
          "{}: {} has shape {}; a ResNet of this program begins with a convolution of 7x7 or 3x3", file.path().string(),
          file.called(conv1), shape_text(conv1.shape));
    NetworkConfig config;
    config.arch = arch_of(file);
    config.width = conv1.shape[0];
    config.in_channels = conv1.shape[1];
    config.stem = kernel == 7 ? Stem::imagenet : Stem::cifar;
    const TensorEntry *linear = file.find("fc.weight"), *mlp = file.find("fc.2.weight");
    config.head = mlp ? Head::mlp : linear ? Head::linear : Head::none;
    if (config.head == Head::none) return config;
    const TensorEntry& last = mlp ? *mlp : *linear;
    check(last.shape.size() == 2, "{}: {} has shape {}, expected that of a matrix", file.path().string(),
          file.called(last), shape_text(last.shape));
    config.dim = last.shape[0];
    return config;
}

}  // namespace moco
