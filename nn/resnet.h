// ResNet-18, -34, -50, -101 and -152 (He et al., arXiv:1512.03385) as MoCo uses them: three stems, any width, and a
// linear, an MLP or no head. Parameters carry torchvision's names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/batch_counter.h"
#include "nn/conv_bn.h"
#include "nn/linear.h"
#include "nn/precision.h"
#include "nn/residual_block.h"

namespace moco {

/// What stands before the four stages.
enum class Stem {
    imagenet,  // conv 7x7 stride 2, max-pool 3x3 stride 2
    cifar,     // conv 3x3 stride 1, no max-pool
    cifar_s2,  // conv 3x3 stride 2, no max-pool
};

/// What turns features into the N x dim output.
enum class Head {
    none,    // the output is the features
    linear,  // MoCo v1: fc
    mlp,     // MoCo v2: fc.0 (d x d), ReLU, fc.2
};

struct ResNetConfig {
    std::string arch = "resnet50";
    Stem stem = Stem::imagenet;
    ConvInit stem_init = ConvInit::kaiming_normal;  // the cifar-demo preset's replaced stem is ConvInit::uniform
    int64_t width = 64;                             // channels of the first stage; the others are 2, 4 and 8 times it
    int64_t in_channels = 3;
    Head head = Head::linear;
    int64_t dim = 128;                     // outputs of the head, the paper's C
    int64_t bn_splits = 1;                 // in train mode; must divide every batch
    Precision precision = Precision::f32;  // in train mode; evaluation computes in f32
};

/// "imagenet", "cifar", "cifar-s2", as the command line writes them; the way back ends in an Error listing them.
std::string_view name_of(Stem stem);
Stem stem_from_name(std::string_view name);

/// The names ResNetConfig::arch may have, smallest network first.
const std::vector<std::string>& resnet_names();

class ResNet final : public Module {
  public:
    /// Draws all parameters from `seed` (nn/init.h). `backend` must outlive the network. Throws Error on an unknown
    /// arch (listing those that exist) or a size below 1.
    ResNet(const ResNetConfig& config, uint64_t seed, Backend& backend);

    /// Pooled features of images x: N,H,W,in_channels -> N x feature_dim(), both f32. Throws Error, naming both
    /// numbers, when the channels differ, when H or W is below minimum_size(), or when bn_splits does not divide N in
    /// train mode.
    Tensor features(const Tensor& x);
    /// The head's output: N x output_dim(). Not normalised.
    Tensor forward(const Tensor& x) override;
    /// The head alone, on features: N x feature_dim() -> N x output_dim().
    Tensor project(const Tensor& features);

    int64_t feature_dim() const { return feature_dim_; }
    int64_t output_dim() const;
    /// Images must be at least this high and wide: the stem's kernel.
    int64_t minimum_size() const;
    const ResNetConfig& config() const { return config_; }
    BatchNormMode mode() const { return mode_; }

    void set_mode(BatchNormMode mode) override;
    void collect(const std::string& prefix, ModuleState& state) const override;
    /// Parameters and buffers under torchvision's names ("conv1.weight", "layer1.0.bn1.running_mean", "fc.weight").
    /// The handles stay valid, and current, as long as the network lives; a ParameterArena may be built over
    /// `state().parameters` to pack them into one buffer.
    ModuleState state() const;

    /// Counts a batch that a replay of a recorded forward pass in train mode saw.
    void replayed() { batches_.count_batch(); }

    /// Copies every parameter of a network of the same configuration; buffers keep their values (MoCo: f_k starts with
    /// f_q's parameters and has statistics of its own).
    void copy_parameters_from(const ResNet& other);

  private:
    void check_images(const Tensor& x) const;

    ResNetConfig config_;
    BatchNormMode mode_ = BatchNormMode::train;
    int64_t feature_dim_ = 0;
    std::unique_ptr<ConvBn> stem_;
    std::vector<std::vector<std::unique_ptr<ResidualBlock>>> stages_;  // layer1 .. layer4
    std::vector<std::unique_ptr<Linear>> head_;                        // 0, 1 or 2
    BatchCounter batches_;
};

}  // namespace moco
