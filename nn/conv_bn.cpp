#include "nn/conv_bn.h"

#include <cmath>

namespace moco {
namespace {

Tensor draw_weight(const ConvBnConfig& c, Initializer& init) {
    const Shape shape = {c.out, c.kernel, c.kernel, c.in};
    return c.init == ConvInit::uniform ? init.uniform(shape, c.in * c.kernel * c.kernel) : init.kaiming_normal(shape);
}

}  // namespace

ConvBn::ConvBn(const ConvBnConfig& config, Initializer& init)
    : config_(config),
      weight_(draw_weight(config, init)),
      gamma_(init.constant({config.out}, 1.0f)),
      beta_(init.constant({config.out}, 0.0f)),
      buffers_{Tensor::zeros({config.out}, DType::f32, init.backend()),
               Tensor::full({config.out}, 1.0f, init.backend())},
      num_batches_tracked_(Tensor::zeros({}, DType::i64, init.backend())) {}

Tensor ConvBn::forward(const Tensor& x, const Tensor& residual) {
    BatchNormArgs args;
    args.mode = mode_;
    args.splits = config_.bn_splits;
    args.options = options_;
    args.activation = config_.activation;
    return conv_bn(x, weight_, {config_.stride, config_.pad}, gamma_, beta_, buffers_, args, residual);
}

void ConvBn::set_part(const BatchPart& part) {
    options_ = {};
    if (part.count == 1) return;
    // What a pass brings fades with every pass after it; in the end it must have the weight that it would have had.
    const double momentum = static_cast<double>(options_.momentum);
    const auto weight = [&](int64_t batch) {
        return momentum * std::pow(1 - momentum, part.batches - 1 - batch) / static_cast<double>(part.count);
    };
    double after = 0;
    for (int64_t batch = 0; batch < part.batches; ++batch) {
        const int64_t parts_after = part.count - 1 - part.index + (batch > part.batch ? 1 : 0);
        after += static_cast<double>(parts_after) * weight(batch);
    }
    options_.momentum = static_cast<float>(weight(part.batch) / (1 - after));
}

void ConvBn::collect(const std::string& prefix, ModuleState& state) const {
    const std::string bn = prefix + config_.bn_name + ".";
    state.parameters.push_back({prefix + config_.conv_name + ".weight", weight_, FileLayout::conv_weight});
    state.parameters.push_back({bn + "weight", gamma_});
    state.parameters.push_back({bn + "bias", beta_});
    state.buffers.push_back({bn + "running_mean", buffers_.running_mean});
    state.buffers.push_back({bn + "running_var", buffers_.running_var});
    state.buffers.push_back({bn + "num_batches_tracked", num_batches_tracked_});
}

}  // namespace moco
