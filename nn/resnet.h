// ResNet-18, -34, -50, -101 and -152 (He et al., arXiv:1512.03385) as MoCo uses them: three stems, any width.
// Parameters carry torchvision's names.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "nn/batch_counter.h"
#include "nn/encoder.h"
#include "nn/residual_block.h"

namespace moco {

enum class BlockKind { basic, bottleneck };

/// A row of He et al.'s Table 1. Stage s has blocks[s] blocks of width << s; those of the stages after the first start
/// with stride 2.
struct ResNetLayout {
    std::string name;
    BlockKind block;
    std::array<int, 4> blocks;
};

/// All of them, smallest network first.
const std::vector<ResNetLayout>& resnet_layouts();
/// Throws Error for an unknown name, listing them.
const ResNetLayout& resnet_layout(const std::string& name);
const std::vector<std::string>& resnet_names();

class ResNet final : public Encoder {
  public:
    ResNet(const EncoderConfig& config, Initializer& init);

    Tensor forward(const Tensor& x) override { return forward_showing(x, nullptr); }
    Tensor forward_showing(const Tensor& x, const ShowLayer& show) override;
    int64_t feature_dim() const override { return feature_dim_; }
    /// The stem's kernel.
    int64_t minimum_size() const override { return shape_of(config_.stem).kernel; }
    const EncoderConfig& config() const override { return config_; }
    BatchNormMode mode() const override { return mode_; }
    void set_mode(BatchNormMode mode) override;
    void set_part(const BatchPart& part) override;
    void collect(const std::string& prefix, ModuleState& state) const override;
    std::vector<ModuleState> stages() const override;
    void freeze_stages(int64_t count) override;

  private:
    void check_images(const Tensor& x) const;
    void collect_stage(size_t stage, const std::string& prefix, ModuleState& state) const;
    std::vector<ConvBn*> layers() const;  // in torchvision's order
    /// Those of the first `count` stages, the stem being one.
    std::vector<ConvBn*> layers_of_first(int64_t count) const;

    EncoderConfig config_;
    BatchNormMode mode_ = BatchNormMode::train;
    BatchPart part_;
    int64_t feature_dim_ = 0;
    int64_t frozen_layers_ = 0;  // the first ones
    std::unique_ptr<ConvBn> stem_;
    std::vector<std::vector<std::unique_ptr<ResidualBlock>>> stages_;  // layer1 .. layer4
    BatchCounter batches_;
};

}  // namespace moco
