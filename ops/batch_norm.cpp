#include "ops/batch_norm.h"

#include "ops/checks.h"

namespace moco {
namespace {

void check_per_channel(std::string_view op, const Argument& argument, int64_t C, const Argument& x) {
    check(argument.tensor.dim(0) == C, "{}: {} has {} channels, x has {} ({}; {})", op, argument.name,
          argument.tensor.dim(0), C, x, argument);
}

void check_training(std::string_view op, const BatchNormDims& d) {
    check(d.S >= 1 && d.N % d.S == 0,
          "{}: {} splits do not divide the batch of {} samples; choose a batch size that is a multiple of the splits",
          op, d.S, d.N);
    check(d.samples_per_split() * d.HW >= 2,
          "{}: each of {} splits has {} values a channel, statistics need at least 2 (x holds {} samples of {} "
          "positions); use fewer splits, a larger batch or larger images",
          op, d.S, d.samples_per_split() * d.HW, d.N, d.HW);
}

}  // namespace

BatchNormDims batch_norm_dims(std::string_view op, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                              const BatchNormBuffers& buffers, const BatchNormArgs& args, const Tensor& residual) {
    check(x.defined(), "{}: x is undefined, expected an f32 tensor", op);
    const bool matrix = x.shape().rank() == 2;  // N,C: every sample has one position
    const Argument x_argument = {"x", x, matrix ? "N,C" : "N,H,W,C", Accepts::f32_or_bf16};
    const Argument per_channel[] = {{"gamma", gamma, "C"},
                                    {"beta", beta, "C"},
                                    {"running_mean", buffers.running_mean, "C"},
                                    {"running_var", buffers.running_var, "C"}};
    check_arguments(op, {x_argument, per_channel[0], per_channel[1], per_channel[2], per_channel[3]});
    const int64_t C = x.dim(x.shape().rank() - 1);
    for (const Argument& argument : per_channel) check_per_channel(op, argument, C, x_argument);
    if (residual.defined()) {
        const Argument residual_argument = {"residual", residual, x_argument.letters, x_argument.accepts};
        check_arguments(op, {x_argument, residual_argument});
        check_alike(op, x_argument, residual_argument);
    }
    const BatchNormDims d = {
        .N = x.dim(0),
        .HW = matrix ? 1 : x.dim(1) * x.dim(2),
        .C = C,
        .S = args.mode == BatchNormMode::train ? args.splits : 1,
        .activation = args.activation,
        .dtype = x.dtype(),
        .statistics = args.mode == BatchNormMode::train ? Statistics::of_batch : Statistics::given};
    if (args.mode == BatchNormMode::train) {
        check_training(op, d);
    } else if (args.mode == BatchNormMode::eval) {
        check(!wants_gradient(x, gamma, beta, residual),
              "{}: no gradient goes through eval mode, but an input wants one; wrap the evaluation in NoGrad", op);
    }
    return d;
}

Tensor batch_norm_signs(const BatchNormDims& d, Backend& backend) {
    const auto bytes = static_cast<int64_t>(backend.batch_norm_sign_bytes(d));
    return bytes > 0 ? Tensor::empty({bytes}, DType::u8, backend) : Tensor();
}

Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormBuffers& buffers,
                  const BatchNormArgs& args, const Tensor& residual) {
    const BatchNormDims d = batch_norm_dims("batch_norm", x, gamma, beta, buffers, args, residual);
    Backend& backend = x.backend();
    Tensor running_mean = buffers.running_mean, running_var = buffers.running_var;
    const bool kept = wants_gradient(x, gamma, beta, residual);
    Tensor y = Tensor::empty_like(x), mean = running_mean, inv_std = empty_if(kept, running_var), signs;
    if (kept) signs = batch_norm_signs(d, backend);
    if (d.statistics == Statistics::given) {
        backend.batch_norm_inference(d, args.options, x.raw(), gamma.data(), beta.data(), raw_or_null(residual),
                                     running_mean.data(), running_var.data(), data_or_null(inv_std), y.mutable_raw(),
                                     data_or_null<uint8_t>(signs));
        if (!kept) return y;
    } else {
        mean = Tensor::empty({d.S, d.C}, DType::f32, backend), inv_std = Tensor::empty_like(mean);
        backend.batch_norm_forward(d, args.options, x.raw(), gamma.data(), beta.data(), raw_or_null(residual),
                                   running_mean.mutable_data(), running_var.mutable_data(), mean.mutable_data(),
                                   inv_std.mutable_data(), y.mutable_raw(), data_or_null<uint8_t>(signs));
        running_mean.bump_version();
        running_var.bump_version();
    }

    // Without an activation the residual's gradient is dy itself, and y is not needed.
    const bool masked = d.activation != Activation::none;
    return record(y, {x, gamma, beta, residual},
                  [d, masked, need_dresidual = wants_gradient(residual), x = Saved(x),
                   y = masked && !signs.defined() ? Saved(y) : Saved(), signs = Saved(signs), gamma = Saved(gamma),
                   mean = Saved(mean), inv_std = Saved(inv_std)](const Tensor& dy) {
                      Tensor dx = Tensor::empty_like(dy);
                      Tensor dgamma = Tensor::empty_like(gamma.get()), dbeta = Tensor::empty_like(gamma.get());
                      Tensor dresidual = empty_if(need_dresidual && masked, dy);
                      dy.backend().batch_norm_backward(
                          d, x->raw(), raw_or_null(y.get()), data_or_null<uint8_t>(signs.get()), gamma->data(),
                          mean->data(), inv_std->data(), dy.raw(), dx.mutable_raw(), dgamma.mutable_data(),
                          dbeta.mutable_data(), raw_or_null(dresidual));
                      return Gradients{dx, dgamma, dbeta, need_dresidual && !masked ? dy : dresidual};
                  });
}

}  // namespace moco
