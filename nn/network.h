// An encoder with a head on it: the f_q and f_k of the paper, and classifiers.
#pragma once

#include <memory>

#include "nn/encoder.h"
#include "nn/head.h"

namespace moco {

struct NetworkConfig : EncoderConfig {
    Head head = Head::linear;
    int64_t dim = 128;  // outputs of the head, the paper's C
};

class Network final : public Module {
  public:
    /// Draws all parameters from `seed` (nn/init.h), the encoder's first. `backend` must outlive the network. Throws
    /// Error as make_encoder and make_head.
    Network(const NetworkConfig& config, uint64_t seed, Backend& backend);

    /// The encoder's: images N,H,W,in_channels -> N x feature_dim().
    Tensor features(const Tensor& x) { return encoder_->forward(x); }
    /// The head alone, on features: N x feature_dim() -> N x output_dim(). Not normalised.
    Tensor project(const Tensor& features) { return head_ ? head_->forward(features) : features; }
    /// The head's output: N x output_dim().
    Tensor forward(const Tensor& x) override { return project(features(x)); }

    Encoder& encoder() { return *encoder_; }
    const Encoder& encoder() const { return *encoder_; }
    int64_t feature_dim() const { return encoder_->feature_dim(); }
    int64_t output_dim() const { return head_ ? config_.dim : feature_dim(); }
    /// Images must be at least this high and wide.
    int64_t minimum_size() const { return encoder_->minimum_size(); }
    const NetworkConfig& config() const { return config_; }
    BatchNormMode mode() const { return encoder_->mode(); }

    void set_mode(BatchNormMode mode) override;
    void collect(const std::string& prefix, ModuleState& state) const override;
    /// Parameters and buffers under torchvision's names ("conv1.weight", "layer1.0.bn1.running_mean", "fc.weight").
    /// The handles stay valid, and current, as long as the network lives; a ParameterArena may be built over
    /// `state().parameters` to pack them into one buffer.
    ModuleState state() const { return state("", "fc."); }
    /// The same with other prefixes for the encoder's tensors and for the head's.
    ModuleState state(const std::string& encoder_prefix, const std::string& head_prefix) const;

    /// Copies every parameter of a network of the same configuration; buffers keep their values (MoCo: f_k starts with
    /// f_q's parameters and has statistics of its own).
    void copy_parameters_from(const Network& other);

  private:
    NetworkConfig config_;
    std::unique_ptr<Encoder> encoder_;
    std::unique_ptr<Module> head_;  // null: the output is the features
};

}  // namespace moco
