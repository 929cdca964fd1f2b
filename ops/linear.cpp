#include "ops/linear.h"

#include "ops/checks.h"

namespace moco {
namespace {

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Argument x_argument = {"x", x, "N,IN"}, weight_argument = {"weight", weight, "OUT,IN"};
    check_arguments("linear", {x_argument, weight_argument});
    check(x.dim(1) == weight.dim(1), "linear: weight expects {} features, x has {} ({}; {})", weight.dim(1), x.dim(1),
          x_argument, weight_argument);
    if (!bias.defined()) return;
    const Argument bias_argument = {"bias", bias, "OUT"};
    check_arguments("linear", {x_argument, bias_argument});
    check(bias.dim(0) == weight.dim(0), "linear: bias has {} values, weight gives {} ({}; {})", bias.dim(0),
          weight.dim(0), bias_argument, weight_argument);
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
    check_linear(x, weight, bias);
    const int64_t N = x.dim(0), IN = x.dim(1), OUT = weight.dim(0);
    Backend& backend = x.backend();
    Tensor y = Tensor::empty({N, OUT}, DType::f32, backend);
    backend.matmul({.M = N, .N = OUT, .K = IN, .b = Transpose::yes}, x.data(), weight.data(), y.mutable_data());
    if (bias.defined()) backend.add_bias(y.data(), bias.data(), y.mutable_data(), N, OUT);

    const bool need_dx = wants_gradient(x), need_dbias = wants_gradient(bias);
    const GradientMemory dweight_memory(weight);
    // dx and dweight each need the other input only.
    return record(y, {x, weight, bias},
                  [=, x = dweight_memory.wanted() ? Saved(x) : Saved(),
                   weight = need_dx ? Saved(weight) : Saved()](const Tensor& dy) {
                      Backend& device = dy.backend();
                      Tensor dx, dweight, dbias;
                      if (need_dx) {  // N,IN = dy (N,OUT) * weight (OUT,IN)
                          dx = Tensor::empty({N, IN}, DType::f32, device);
                          device.matmul({.M = N, .N = IN, .K = OUT}, dy.data(), weight->data(), dx.mutable_data());
                      }
                      if (dweight_memory.wanted()) {  // OUT,IN = dy^T (OUT,N) * x (N,IN)
                          dweight = dweight_memory.take();
                          device.matmul({.M = OUT, .N = IN, .K = N, .a = Transpose::yes}, dy.data(), x->data(),
                                        dweight.mutable_data());
                      }
                      if (need_dbias) {
                          dbias = Tensor::empty({OUT}, DType::f32, device);
                          device.sum_rows(dy.data(), dbias.mutable_data(), N, OUT);
                      }
                      return Gradients{dx, dweight, dbias};
                  });
}

}  // namespace moco
