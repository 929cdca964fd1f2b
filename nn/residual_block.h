// The two residual blocks of He et al., arXiv:1512.03385, Fig. 5: y = relu(f(x) + shortcut(x)).
#pragma once

#include <memory>
#include <vector>

#include "nn/conv_bn.h"

namespace moco {

struct BlockConfig {
    int64_t in = 0;     // channels of x
    int64_t width = 0;  // channels of the 3x3 convolutions
    int64_t stride = 1;
    int64_t bn_splits = 1;
};

/// A chain of ConvBn layers whose last one adds the shortcut before its ReLU. The shortcut is x itself, or a 1x1
/// convolution with batch normalisation (names downsample.0, downsample.1) where stride or channels change.
class ResidualBlock : public Module {
  public:
    Tensor forward(const Tensor& x) override;
    void set_mode(BatchNormMode mode) override;
    void collect(const std::string& prefix, ModuleState& state) const override;

    /// The block's ConvBn layers in torchvision's order.
    std::vector<ConvBn*> layers() const;

  protected:
    void append(const ConvBnConfig& config, Initializer& init);
    void add_shortcut_where_needed(const BlockConfig& config, int64_t out, Initializer& init);

  private:
    std::vector<std::unique_ptr<ConvBn>> chain_;
    std::unique_ptr<ConvBn> downsample_;  // null: the shortcut is x
};

/// Two 3x3 convolutions, the first with the stride. Result: `width` channels.
class BasicBlock final : public ResidualBlock {
  public:
    static constexpr int64_t kExpansion = 1;
    BasicBlock(const BlockConfig& config, Initializer& init);
};

/// 1x1 down to `width`, 3x3 with the stride, 1x1 up. Result: 4 * `width` channels.
class Bottleneck final : public ResidualBlock {
  public:
    static constexpr int64_t kExpansion = 4;
    Bottleneck(const BlockConfig& config, Initializer& init);
};

}  // namespace moco
