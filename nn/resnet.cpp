#include "nn/resnet.h"

#include <fmt/ranges.h>

#include "ops/cast.h"
#include "ops/global_avg_pool.h"
#include "ops/max_pool.h"

namespace moco {
namespace {

ConvBnConfig stem_config(const EncoderConfig& config) {
    const StemShape shape = shape_of(config.stem);
    ConvBnConfig c;  // conv1, bn1
    c.in = config.in_channels;
    c.out = config.width;
    c.kernel = shape.kernel;
    c.stride = shape.stride;
    c.pad = c.kernel / 2;
    c.init = config.stem_init;
    c.bn_splits = config.bn_splits;
    return c;
}

std::unique_ptr<ResidualBlock> make_block(BlockKind kind, const BlockConfig& config, Initializer& init) {
    if (kind == BlockKind::basic) return std::make_unique<BasicBlock>(config, init);
    return std::make_unique<Bottleneck>(config, init);
}

EncoderLayer layer_of(size_t stage, size_t block, size_t blocks) {
    const std::string name = fmt::format("layer{}", stage + 1);
    return {fmt::format("{}.{}", name, block), name, block + 1 == blocks};
}

void check_config(const EncoderConfig& c) {
    check(c.width >= 1, "ResNet: width is {}, it must be at least 1 (64 is the paper's)", c.width);
    check(c.in_channels >= 1, "ResNet: in_channels is {}, it must be at least 1", c.in_channels);
    check(c.bn_splits >= 1, "ResNet: bn_splits is {}, it must be at least 1", c.bn_splits);
}

}  // namespace

// He et al., arXiv:1512.03385, Table 1.
const std::vector<ResNetLayout>& resnet_layouts() {
    static const std::vector<ResNetLayout> all = {
        {"resnet18", BlockKind::basic, {2, 2, 2, 2}},        {"resnet34", BlockKind::basic, {3, 4, 6, 3}},
        {"resnet50", BlockKind::bottleneck, {3, 4, 6, 3}},   {"resnet101", BlockKind::bottleneck, {3, 4, 23, 3}},
        {"resnet152", BlockKind::bottleneck, {3, 8, 36, 3}},
    };
    return all;
}

const ResNetLayout& resnet_layout(const std::string& name) {
    for (const ResNetLayout& layout : resnet_layouts()) {
        if (layout.name == name) return layout;
    }
    fail("there is no architecture '{}'; expected one of {}", name, fmt::join(resnet_names(), ", "));
}

const std::vector<std::string>& resnet_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const ResNetLayout& layout : resnet_layouts()) all.push_back(layout.name);
        return all;
    }();
    return names;
}

ResNet::ResNet(const EncoderConfig& config, Initializer& init) : config_(config) {
    const ResNetLayout& layout = resnet_layout(config.arch);
    check_config(config);
    stem_ = std::make_unique<ConvBn>(stem_config(config), init);
    const int64_t expansion = layout.block == BlockKind::basic ? BasicBlock::kExpansion : Bottleneck::kExpansion;
    int64_t in = config.width;
    for (size_t stage = 0; stage < layout.blocks.size(); ++stage) {
        const int64_t width = config.width << stage;
        auto& blocks = stages_.emplace_back();
        for (int i = 0; i < layout.blocks[stage]; ++i) {
            const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
            blocks.push_back(make_block(layout.block, {in, width, stride, config.bn_splits}, init));
            in = expansion * width;
        }
    }
    feature_dim_ = in;

    const std::vector<ConvBn*> all = layers();
    batches_ = BatchCounter(static_cast<int64_t>(all.size()), init.backend());
    for (size_t i = 0; i < all.size(); ++i) all[i]->set_batch_count(batches_.scalar(static_cast<int64_t>(i)));
}

Tensor ResNet::forward_showing(const Tensor& x, const ShowLayer& show) {
    check_images(x);
    if (mode_ == BatchNormMode::train && part_.index == 0) batches_.count_batch(frozen_layers_);
    const bool narrow = config_.precision == Precision::bf16 && mode_ != BatchNormMode::eval;
    Tensor y = stem_->forward(narrow ? cast(x, DType::bf16) : x);
    if (shape_of(config_.stem).pool == StemPool::max_3x3_stride_2) y = max_pool(y, {3, 2, 1});
    if (show) show({"stem", "stem", true}, y);
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
        const auto& blocks = stages_[stage];
        for (size_t i = 0; i < blocks.size(); ++i) {
            y = blocks[i]->forward(y);
            if (show) show(layer_of(stage, i, blocks.size()), y);
        }
    }
    return global_avg_pool(y);  // N x feature_dim
}

void ResNet::check_images(const Tensor& x) const {
    check(x.shape().rank() == 4, "{}: expected images N,H,W,C, got a tensor of shape {}", config_.arch, x.shape());
    check(x.dim(3) == config_.in_channels, "{}: images have {} channels, the network takes {} (images {} N,H,W,C)",
          config_.arch, x.dim(3), config_.in_channels, x.shape());
    check(x.dim(1) >= minimum_size() && x.dim(2) >= minimum_size(),
          "{}: images of {}x{} pixels are smaller than the {}x{} kernel of the {} stem (images {} N,H,W,C)",
          config_.arch, x.dim(1), x.dim(2), minimum_size(), minimum_size(), name_of(config_.stem), x.shape());
    check(mode_ != BatchNormMode::train || x.dim(0) % config_.bn_splits == 0,
          "{}: {} BN splits do not divide a batch of {} images", config_.arch, config_.bn_splits, x.dim(0));
}

std::vector<ConvBn*> ResNet::layers() const {
    return layers_of_first(1 + std::ssize(stages_));
}

std::vector<ConvBn*> ResNet::layers_of_first(int64_t count) const {
    std::vector<ConvBn*> first;
    if (count > 0) first.push_back(stem_.get());
    for (int64_t stage = 1; stage < count; ++stage) {
        for (const auto& block : stages_[static_cast<size_t>(stage - 1)]) {
            for (ConvBn* layer : block->layers()) first.push_back(layer);
        }
    }
    return first;
}

void ResNet::set_mode(BatchNormMode mode) {
    mode_ = mode;
    const std::vector<ConvBn*> all = layers();
    for (int64_t i = 0; i < std::ssize(all); ++i) {
        all[static_cast<size_t>(i)]->set_mode(i < frozen_layers_ ? BatchNormMode::eval : mode);
    }
}

void ResNet::freeze_stages(int64_t count) {
    check(count >= 0 && count <= 1 + std::ssize(stages_), "{}: {} frozen stages, there are {} (the stem is the first)",
          config_.arch, count, 1 + stages_.size());
    frozen_layers_ = std::ssize(layers_of_first(count));
    set_mode(mode_);
}

std::vector<ModuleState> ResNet::stages() const {
    std::vector<ModuleState> all(1 + stages_.size());
    stem_->collect("", all[0]);
    for (size_t stage = 0; stage < stages_.size(); ++stage) collect_stage(stage, "", all[stage + 1]);
    return all;
}

void ResNet::collect_stage(size_t stage, const std::string& prefix, ModuleState& state) const {
    for (size_t i = 0; i < stages_[stage].size(); ++i) {
        stages_[stage][i]->collect(fmt::format("{}layer{}.{}.", prefix, stage + 1, i), state);
    }
}

void ResNet::set_part(const BatchPart& part) {
    part_ = part;
    for (ConvBn* layer : layers()) layer->set_part(part);
}

void ResNet::collect(const std::string& prefix, ModuleState& state) const {
    stem_->collect(prefix, state);
    for (size_t stage = 0; stage < stages_.size(); ++stage) collect_stage(stage, prefix, state);
}

}  // namespace moco
