#include "ops/conv_bn.h"

#include "ops/checks.h"

namespace moco {

Tensor conv_bn(const Tensor& x, const Tensor& weight, const Conv2dOptions& conv_options, const Tensor& gamma,
               const Tensor& beta, const BatchNormBuffers& buffers, const BatchNormArgs& args, const Tensor& residual) {
    const Conv2dDims d = conv2d_dims("conv_bn", x, weight, conv_options);
    Backend& backend = x.backend();
    Tensor z = Tensor::empty({d.N, d.OH(), d.OW(), d.OC}, d.dtype, backend);  // what the convolution gives
    const BatchNormDims b = batch_norm_dims("conv_bn", z, gamma, beta, buffers, args, residual);
    Tensor running_mean = buffers.running_mean, running_var = buffers.running_var;
    const bool kept = wants_gradient(x, weight, gamma, beta, residual);
    // What no backward needs is overwritten: memory that was just read need not be fetched for writing.
    Tensor y = kept ? Tensor::empty_like(z) : z;
    Tensor mean = running_mean, inv_std = empty_if(kept, running_var), signs;
    if (kept) signs = batch_norm_signs(b, backend);
    if (b.statistics == Statistics::given) {
        check(args.mode == BatchNormMode::frozen || !wants_gradient(x, weight),
              "conv_bn: no gradient goes through eval mode, but an input wants one; wrap the evaluation in NoGrad");
        backend.conv2d_forward(d, x.raw(), weight.data(), z.mutable_raw());
        backend.batch_norm_inference(b, args.options, z.raw(), gamma.data(), beta.data(), raw_or_null(residual),
                                     running_mean.data(), running_var.data(), data_or_null(inv_std), y.mutable_raw(),
                                     data_or_null<uint8_t>(signs));
        if (!kept) return y;
    } else {
        mean = Tensor::empty({b.S, b.C}, DType::f32, backend), inv_std = Tensor::empty_like(mean);
        backend.conv_bn_forward(d, b, args.options, x.raw(), weight.data(), gamma.data(), beta.data(),
                                raw_or_null(residual), running_mean.mutable_data(), running_var.mutable_data(),
                                z.mutable_raw(), mean.mutable_data(), inv_std.mutable_data(), y.mutable_raw(),
                                data_or_null<uint8_t>(signs));
        running_mean.bump_version();
        running_var.bump_version();
    }

    // Without an activation the residual's gradient is dy itself, and y is not needed.
    const bool masked = b.activation != Activation::none;
    return record(y, {x, weight, gamma, beta, residual},
                  [d, b, masked, need_dx = wants_gradient(x), dweight_memory = GradientMemory(weight),
                   need_dresidual = wants_gradient(residual), x = Saved(x), weight = Saved(weight), z = Saved(z),
                   y = masked && !signs.defined() ? Saved(y) : Saved(), signs = Saved(signs), gamma = Saved(gamma),
                   mean = Saved(mean), inv_std = Saved(inv_std)](const Tensor& dy) {
                      Tensor dz = z.get();  // in z's place, which nobody else sees and nobody needs afterwards
                      Tensor dx = empty_if(need_dx, x.get()),
                             dweight = dweight_memory.wanted() ? dweight_memory.take() : Tensor();
                      Tensor dgamma = Tensor::empty_like(gamma.get()), dbeta = Tensor::empty_like(gamma.get());
                      Tensor dresidual = need_dresidual && masked ? in_place_of(dy) : Tensor();
                      dy.backend().conv_bn_backward(d, b, x->raw(), weight->data(), z->raw(), raw_or_null(y.get()),
                                                    data_or_null<uint8_t>(signs.get()), gamma->data(), mean->data(),
                                                    inv_std->data(), dy.raw(), dz.mutable_raw(), raw_or_null(dx),
                                                    data_or_null(dweight), dgamma.mutable_data(), dbeta.mutable_data(),
                                                    raw_or_null(dresidual));
                      return Gradients{dx, dweight, dgamma, dbeta, need_dresidual && !masked ? dy : dresidual};
                  });
}

}  // namespace moco
