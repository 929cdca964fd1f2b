#include "nn/residual_block.h"

namespace moco {

void ResidualBlock::append(const ConvBnConfig& config, Initializer& init) {
    chain_.push_back(std::make_unique<ConvBn>(config, init));
}

void ResidualBlock::add_shortcut_where_needed(const BlockConfig& config, int64_t out, Initializer& init) {
    if (config.stride == 1 && config.in == out) return;
    ConvBnConfig c;
    c.conv_name = "downsample.0";
    c.bn_name = "downsample.1";
    c.in = config.in;
    c.out = out;
    c.kernel = 1;
    c.stride = config.stride;
    c.pad = 0;
    c.activation = Activation::none;
    c.bn_splits = config.bn_splits;
    downsample_ = std::make_unique<ConvBn>(c, init);
}

Tensor ResidualBlock::forward(const Tensor& x) {
    Tensor y = x;
    for (size_t i = 0; i + 1 < chain_.size(); ++i) y = chain_[i]->forward(y);
    const Tensor shortcut = downsample_ ? downsample_->forward(x) : x;
    return chain_.back()->forward(y, shortcut);
}

void ResidualBlock::set_mode(BatchNormMode mode) {
    for (ConvBn* layer : layers()) layer->set_mode(mode);
}

void ResidualBlock::collect(const std::string& prefix, ModuleState& state) const {
    for (const ConvBn* layer : layers()) layer->collect(prefix, state);
}

std::vector<ConvBn*> ResidualBlock::layers() const {
    std::vector<ConvBn*> all;
    for (const auto& layer : chain_) all.push_back(layer.get());
    if (downsample_) all.push_back(downsample_.get());
    return all;
}

namespace {

/// The i-th convolution of a block: names conv<i>, bn<i>; padded so that only the stride changes the size.
ConvBnConfig part(int i, int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t bn_splits) {
    ConvBnConfig c;
    c.conv_name = fmt::format("conv{}", i);
    c.bn_name = fmt::format("bn{}", i);
    c.in = in;
    c.out = out;
    c.kernel = kernel;
    c.stride = stride;
    c.pad = kernel / 2;
    c.bn_splits = bn_splits;
    return c;
}

}  // namespace

BasicBlock::BasicBlock(const BlockConfig& c, Initializer& init) {
    append(part(1, c.in, c.width, 3, c.stride, c.bn_splits), init);
    append(part(2, c.width, c.width, 3, 1, c.bn_splits), init);
    add_shortcut_where_needed(c, kExpansion * c.width, init);
}

Bottleneck::Bottleneck(const BlockConfig& c, Initializer& init) {
    const int64_t out = kExpansion * c.width;
    append(part(1, c.in, c.width, 1, 1, c.bn_splits), init);
    append(part(2, c.width, c.width, 3, c.stride, c.bn_splits), init);
    append(part(3, c.width, out, 1, 1, c.bn_splits), init);
    add_shortcut_where_needed(c, out, init);
}

}  // namespace moco
