#include "ops/max_pool.h"

#include "ops/checks.h"

namespace moco {
namespace {

PoolDims pool_dims(const Tensor& x, const PoolOptions& options) {
    const Argument x_argument = {"x", x, "N,H,W,C", Accepts::f32_or_bf16};
    check_arguments("max_pool", {x_argument});
    // 16 x 16 is what fits the argmax's byte; more padding than half the window could leave one without any pixel.
    check(options.kernel >= 1 && options.kernel <= 16, "max_pool: kernel {}, expected 1 to 16", options.kernel);
    check(options.stride >= 1, "max_pool: stride {}, expected at least 1", options.stride);
    check(options.pad >= 0 && 2 * options.pad <= options.kernel,
          "max_pool: pad {} with kernel {}, expected 0 to half the kernel", options.pad, options.kernel);
    const PoolDims d = {.N = x.dim(0),
                        .H = x.dim(1),
                        .W = x.dim(2),
                        .C = x.dim(3),
                        .kernel = options.kernel,
                        .stride = options.stride,
                        .pad = options.pad,
                        .dtype = x.dtype()};
    check(d.H + 2 * d.pad >= d.kernel && d.W + 2 * d.pad >= d.kernel,
          "max_pool: the window {}x{} is larger than x padded by {} ({}); use larger images or a smaller window",
          d.kernel, d.kernel, d.pad, x_argument);
    return d;
}

}  // namespace

Tensor max_pool(const Tensor& x, const PoolOptions& options) {
    const PoolDims d = pool_dims(x, options);
    Tensor y = Tensor::empty({d.N, d.OH(), d.OW(), d.C}, d.dtype, x.backend());
    Tensor argmax = Tensor::empty(y.shape(), DType::u8, x.backend());
    x.backend().max_pool_forward(d, x.raw(), y.mutable_raw(), argmax.mutable_data<uint8_t>());
    return record(y, {x}, [d, argmax = Saved(argmax)](const Tensor& dy) {
        Tensor dx = Tensor::empty({d.N, d.H, d.W, d.C}, d.dtype, dy.backend());
        dy.backend().max_pool_backward(d, dy.raw(), argmax->data<uint8_t>(), dx.mutable_raw());
        return Gradients{dx};
    });
}

}  // namespace moco
