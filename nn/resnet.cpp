#include "nn/resnet.h"

#include <array>

#include "ops/cast.h"
#include "ops/global_avg_pool.h"
#include "ops/max_pool.h"
#include "ops/relu.h"

namespace moco {
namespace {

enum class BlockKind { basic, bottleneck };

struct Architecture {
    std::string name;
    BlockKind block;
    std::array<int, 4> blocks;  // a stage
};

// He et al., arXiv:1512.03385, Table 1.
const std::vector<Architecture>& architectures() {
    static const std::vector<Architecture> all = {
        {"resnet18", BlockKind::basic, {2, 2, 2, 2}},        {"resnet34", BlockKind::basic, {3, 4, 6, 3}},
        {"resnet50", BlockKind::bottleneck, {3, 4, 6, 3}},   {"resnet101", BlockKind::bottleneck, {3, 4, 23, 3}},
        {"resnet152", BlockKind::bottleneck, {3, 8, 36, 3}},
    };
    return all;
}

const Architecture& find_architecture(const std::string& name) {
    for (const Architecture& architecture : architectures()) {
        if (architecture.name == name) return architecture;
    }
    fail("there is no architecture '{}'; expected one of {}", name, fmt::join(resnet_names(), ", "));
}

ConvBnConfig stem_config(const ResNetConfig& config) {
    ConvBnConfig c;  // conv1, bn1
    c.in = config.in_channels;
    c.out = config.width;
    c.kernel = config.stem == Stem::imagenet ? 7 : 3;
    c.stride = config.stem == Stem::cifar ? 1 : 2;
    c.pad = c.kernel / 2;
    c.init = config.stem_init;
    c.bn_splits = config.bn_splits;
    return c;
}

std::unique_ptr<ResidualBlock> make_block(BlockKind kind, const BlockConfig& config, Initializer& init) {
    if (kind == BlockKind::basic) return std::make_unique<BasicBlock>(config, init);
    return std::make_unique<Bottleneck>(config, init);
}

void check_config(const ResNetConfig& c) {
    check(c.width >= 1, "ResNet: width is {}, it must be at least 1 (64 is the paper's)", c.width);
    check(c.in_channels >= 1, "ResNet: in_channels is {}, it must be at least 1", c.in_channels);
    check(c.dim >= 1, "ResNet: dim is {}, it must be at least 1 (128 is the paper's)", c.dim);
    check(c.bn_splits >= 1, "ResNet: bn_splits is {}, it must be at least 1", c.bn_splits);
}

}  // namespace

ResNet::ResNet(const ResNetConfig& config, uint64_t seed, Backend& backend) : config_(config) {
    const Architecture& architecture = find_architecture(config.arch);
    check_config(config);
    Initializer init(seed, backend);

    stem_ = std::make_unique<ConvBn>(stem_config(config), init);
    const int64_t expansion = architecture.block == BlockKind::basic ? BasicBlock::kExpansion : Bottleneck::kExpansion;
    int64_t in = config.width;
    for (size_t stage = 0; stage < architecture.blocks.size(); ++stage) {
        const int64_t width = config.width << stage;
        auto& blocks = stages_.emplace_back();
        for (int i = 0; i < architecture.blocks[stage]; ++i) {
            const int64_t stride = i == 0 && stage > 0 ? 2 : 1;
            blocks.push_back(make_block(architecture.block, {in, width, stride, config.bn_splits}, init));
            in = expansion * width;
        }
    }
    feature_dim_ = in;
    if (config.head == Head::mlp) head_.push_back(std::make_unique<Linear>(in, in, init));
    if (config.head != Head::none) head_.push_back(std::make_unique<Linear>(in, config.dim, init));

    std::vector<ConvBn*> layers = {stem_.get()};
    for (const auto& blocks : stages_) {
        for (const auto& block : blocks) {
            for (ConvBn* layer : block->layers()) layers.push_back(layer);
        }
    }
    batches_ = BatchCounter(static_cast<int64_t>(layers.size()), backend);
    for (size_t i = 0; i < layers.size(); ++i) layers[i]->set_batch_count(batches_.scalar(static_cast<int64_t>(i)));
}

Tensor ResNet::features(const Tensor& x) {
    check_images(x);
    if (mode_ == BatchNormMode::train) batches_.count_batch();
    const bool narrow = config_.precision == Precision::bf16 && mode_ == BatchNormMode::train;
    Tensor y = stem_->forward(narrow ? cast(x, DType::bf16) : x);
    if (config_.stem == Stem::imagenet) y = max_pool(y, {3, 2, 1});
    for (const auto& blocks : stages_) {
        for (const auto& block : blocks) y = block->forward(y);
    }
    return global_avg_pool(y);  // N x feature_dim
}

Tensor ResNet::forward(const Tensor& x) {
    return project(features(x));
}

Tensor ResNet::project(const Tensor& features) {
    Tensor y = features;
    for (size_t i = 0; i < head_.size(); ++i) y = head_[i]->forward(i == 0 ? y : relu(y));
    return y;
}

int64_t ResNet::output_dim() const {
    return config_.head == Head::none ? feature_dim_ : config_.dim;
}

int64_t ResNet::minimum_size() const {
    return stem_config(config_).kernel;
}

void ResNet::check_images(const Tensor& x) const {
    check(x.shape().rank() == 4, "{}: expected images N,H,W,C, got a tensor of shape {}", config_.arch, x.shape());
    check(x.dim(3) == config_.in_channels, "{}: images have {} channels, the network takes {} (images {} N,H,W,C)",
          config_.arch, x.dim(3), config_.in_channels, x.shape());
    check(x.dim(1) >= minimum_size() && x.dim(2) >= minimum_size(),
          "{}: images of {}x{} pixels are smaller than the {}x{} kernel of the {} stem (images {} N,H,W,C)",
          config_.arch, x.dim(1), x.dim(2), minimum_size(), minimum_size(), name_of(config_.stem), x.shape());
    check(mode_ == BatchNormMode::eval || x.dim(0) % config_.bn_splits == 0,
          "{}: {} BN splits do not divide a batch of {} images", config_.arch, config_.bn_splits, x.dim(0));
}

void ResNet::set_mode(BatchNormMode mode) {
    mode_ = mode;
    stem_->set_mode(mode);
    for (const auto& blocks : stages_) {
        for (const auto& block : blocks) block->set_mode(mode);
    }
}

void ResNet::collect(const std::string& prefix, ModuleState& state) const {
    stem_->collect(prefix, state);
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
        for (size_t i = 0; i < stages_[stage].size(); ++i) {
            stages_[stage][i]->collect(fmt::format("{}layer{}.{}.", prefix, stage + 1, i), state);
        }
    }
    // torchvision's fc is one layer (v1) or a Sequential of linear, ReLU, linear (v2), whose ReLU takes number 1.
    for (size_t i = 0; i < head_.size(); ++i) {
        head_[i]->collect(head_.size() == 1 ? prefix + "fc." : fmt::format("{}fc.{}.", prefix, 2 * i), state);
    }
}

ModuleState ResNet::state() const {
    ModuleState state;
    collect("", state);
    return state;
}

void ResNet::copy_parameters_from(const ResNet& other) {
    std::vector<NamedTensor> mine = state().parameters;
    const std::vector<NamedTensor> theirs = other.state().parameters;
    check(mine.size() == theirs.size(), "copy_parameters_from: {} has {} parameters, {} has {}", config_.arch,
          mine.size(), other.config_.arch, theirs.size());
    for (size_t i = 0; i < mine.size(); ++i) {
        check(mine[i].name == theirs[i].name && mine[i].tensor.shape() == theirs[i].tensor.shape(),
              "copy_parameters_from: {} {} cannot take {} {}", mine[i].name, mine[i].tensor.shape(), theirs[i].name,
              theirs[i].tensor.shape());
        mine[i].tensor.copy_from(theirs[i].tensor);
    }
}

std::string_view name_of(Stem stem) {
    switch (stem) {
        case Stem::imagenet:
            return "imagenet";
        case Stem::cifar:
            return "cifar";
        case Stem::cifar_s2:
            return "cifar-s2";
    }
    return "?";
}

Stem stem_from_name(std::string_view name) {
    for (const Stem stem : {Stem::imagenet, Stem::cifar, Stem::cifar_s2}) {
        if (name_of(stem) == name) return stem;
    }
    fail("there is no stem '{}'; expected one of imagenet, cifar, cifar-s2", name);
}

const std::vector<std::string>& resnet_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const Architecture& architecture : architectures()) all.push_back(architecture.name);
        return all;
    }();
    return names;
}

}  // namespace moco
