// What turns images into features: the trunk of a network, without a head. docs/add-an-encoder.md adds one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dims.h"
#include "nn/conv_bn.h"
#include "nn/init.h"
#include "nn/module.h"
#include "nn/stem.h"

namespace moco {

/// Which encoder, and how big.
struct EncoderConfig {
    std::string arch = "resnet50";
    Stem stem = Stem::imagenet;
    ConvInit stem_init = ConvInit::kaiming_normal;  // the cifar-demo preset's replaced stem is ConvInit::uniform
    int64_t width = 64;                             // channels of the first stage
    int64_t in_channels = 3;
    int64_t bn_splits = 1;                 // in train mode; must divide every batch
    Precision precision = Precision::f32;  // in train mode; evaluation computes in f32
};

/// A part of an encoder whose output is worth looking at.
struct EncoderLayer {
    std::string name;         // "layer1.0"; of a stage of a single layer the stage's
    std::string stage;        // "layer1"
    bool ends_stage = false;  // its output is the stage's
};
using ShowLayer = std::function<void(const EncoderLayer& layer, const Tensor& y)>;

/// A module of images. Its functions throw Error where images do not fit, naming both numbers.
class Encoder : public Module {
  public:
    /// Pooled features of images x: N,H,W,in_channels -> N x feature_dim(), both f32. Throws Error when the channels
    /// differ, when H or W is below minimum_size(), or when bn_splits does not divide N in train mode.
    Tensor forward(const Tensor& x) override = 0;
    /// The same, and calls `show` with each layer's output y (N,H,W,C), from the images up; null: with none. Stages are
    /// those of stages(). A ResNet's layers: the stem with its pooling, then every residual block.
    virtual Tensor forward_showing(const Tensor& x, const ShowLayer& show) = 0;
    virtual int64_t feature_dim() const = 0;
    /// Images must be at least this high and wide.
    virtual int64_t minimum_size() const = 0;
    virtual const EncoderConfig& config() const = 0;
    virtual BatchNormMode mode() const = 0;
    /// What forward sees from now on: after all parts of a batch, in order, the running statistics are as if it had
    /// gone through at once, and it counts once (ConvBn::set_part). The part's bn_splits are its own.
    virtual void set_part(const BatchPart& part) = 0;

    /// The state by depth, from the images up; together, in order, they are all of it. A ResNet's: the stem, layer1 ..
    /// layer4.
    virtual std::vector<ModuleState> stages() const = 0;
    /// The first `count` stages normalise with their running statistics from now on, whatever the mode, and take no
    /// gradient: the caller sees to it that their parameters require none.
    virtual void freeze_stages(int64_t count) = 0;
};

/// Draws its parameters from `init`. Throws Error on an unknown arch (listing those that exist) or a size below 1.
std::unique_ptr<Encoder> make_encoder(const EncoderConfig& config, Initializer& init);

/// The names EncoderConfig::arch may have.
const std::vector<std::string>& encoder_names();

}  // namespace moco
