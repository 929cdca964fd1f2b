// A convolution without bias, its batch normalisation and what follows: the one kind of layer a ResNet's trunk has.
#pragma once

#include "nn/init.h"
#include "nn/module.h"
#include "ops/conv_bn.h"

namespace moco {

/// How the weight of a convolution is drawn: N(0, 2 / fan_out), or PyTorch's default for a fresh layer, uniform
/// +-1/sqrt(fan_in).
enum class ConvInit { kaiming_normal, uniform };

/// One of the parts in which a batch goes through a network, one forward pass each; or several, if there are several
/// batches that go through together (the views of a symmetric loss): then each part of all, before the next part.
struct BatchPart {
    int64_t index = 0, count = 1;
    int64_t batch = 0, batches = 1;
};

struct ConvBnConfig {
    std::string conv_name = "conv1";  // torchvision's names of the two parts within their parent
    std::string bn_name = "bn1";
    int64_t in = 0, out = 0;  // channels
    int64_t kernel = 3, stride = 1, pad = 1;
    Activation activation = Activation::relu;
    ConvInit init = ConvInit::kaiming_normal;
    int64_t bn_splits = 1;  // in train mode: statistics of each of this many interleaved parts of the batch
};

/// y = activation(bn(conv(x)) + residual). Parameters: CONV.weight (O,H,W,I), BN.weight (ones), BN.bias (zeros);
/// buffers: BN.running_mean (zeros), BN.running_var (ones), BN.num_batches_tracked (i64 scalar).
class ConvBn final : public Module {
  public:
    ConvBn(const ConvBnConfig& config, Initializer& init);

    Tensor forward(const Tensor& x) override { return forward(x, Tensor()); }
    /// residual: N,OH,OW,out like the result, or undefined.
    Tensor forward(const Tensor& x, const Tensor& residual);
    void set_mode(BatchNormMode mode) override { mode_ = mode; }
    void collect(const std::string& prefix, ModuleState& state) const override;

    /// Sets how much the next forward pass moves the running statistics: after all parts of all batches, in order, they
    /// are as if each batch had been seen at once, one after the other.
    void set_part(const BatchPart& part);
    /// Makes `scalar` (i64, shape {}) this layer's num_batches_tracked. The layer only names it; the network counts
    /// (nn/batch_counter.h), with one write for all its layers.
    void set_batch_count(const Tensor& scalar) { num_batches_tracked_ = scalar; }

  private:
    ConvBnConfig config_;
    BatchNormMode mode_ = BatchNormMode::train;
    BatchNormOptions options_;
    Tensor weight_, gamma_, beta_;
    BatchNormBuffers buffers_;
    Tensor num_batches_tracked_;
};

}  // namespace moco
