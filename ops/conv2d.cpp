#include "ops/conv2d.h"

#include "ops/checks.h"

namespace moco {

Conv2dDims conv2d_dims(std::string_view op, const Tensor& x, const Tensor& weight, const Conv2dOptions& options) {
    const Argument x_argument = {"x", x, "N,H,W,C", Accepts::f32_or_bf16},
                   weight_argument = {"weight", weight, "O,H,W,I"};
    check_arguments(op, {x_argument, weight_argument});
    check(options.stride >= 1 && options.pad >= 0, "{}: stride {} and pad {}, expected stride >= 1 and pad >= 0", op,
          options.stride, options.pad);
    const Conv2dDims d = {.N = x.dim(0),
                          .H = x.dim(1),
                          .W = x.dim(2),
                          .IC = x.dim(3),
                          .OC = weight.dim(0),
                          .KH = weight.dim(1),
                          .KW = weight.dim(2),
                          .stride = options.stride,
                          .pad = options.pad,
                          .dtype = x.dtype()};
    check(weight.dim(3) == d.IC, "{}: weight expects {} input channels, x has {} ({}; {})", op, weight.dim(3), d.IC,
          x_argument, weight_argument);
    check(d.H + 2 * d.pad >= d.KH && d.W + 2 * d.pad >= d.KW,
          "{}: the kernel {}x{} is larger than x padded by {} ({}; {}); use larger images or more padding", op, d.KH,
          d.KW, d.pad, x_argument, weight_argument);
    return d;
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options) {
    const Conv2dDims d = conv2d_dims("conv2d", x, weight, options);
    Tensor y = Tensor::empty({d.N, d.OH(), d.OW(), d.OC}, d.dtype, x.backend());
    x.backend().conv2d_forward(d, x.raw(), weight.data(), y.mutable_raw());

    const bool need_dx = wants_gradient(x);
    const GradientMemory dweight_memory(weight);
    // Each gradient needs the other input only.
    return record(y, {x, weight},
                  [d, dweight_memory, x = dweight_memory.wanted() ? Saved(x) : Saved(),
                   weight = need_dx ? Saved(weight) : Saved(), x_shape = x.shape()](const Tensor& dy) {
                      Backend& backend = dy.backend();
                      Tensor dx, dweight;
                      if (weight.defined()) {
                          dx = Tensor::empty(x_shape, d.dtype, backend);
                          backend.conv2d_backward_data(d, dy.raw(), weight->data(), dx.mutable_raw());
                      }
                      if (x.defined()) {
                          dweight = dweight_memory.take();
                          backend.conv2d_backward_weight(d, x->raw(), dy.raw(), dweight.mutable_data());
                      }
                      return Gradients{dx, dweight};
                  });
}

}  // namespace moco
