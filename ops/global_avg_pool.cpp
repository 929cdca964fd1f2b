#include "ops/global_avg_pool.h"

#include "ops/checks.h"

namespace moco {

Tensor global_avg_pool(const Tensor& x) {
    check_arguments("global_avg_pool", {{"x", x, "N,H,W,C", Accepts::f32_or_bf16}});
    const int64_t N = x.dim(0), HW = x.dim(1) * x.dim(2), C = x.dim(3);
    Tensor y = Tensor::empty({N, C}, DType::f32, x.backend());
    x.backend().global_avg_pool_forward(x.dtype(), x.raw(), y.mutable_data(), N, HW, C);
    return record(y, {x}, [shape = x.shape(), dtype = x.dtype(), N, HW, C](const Tensor& dy) {
        Tensor dx = Tensor::empty(shape, dtype, dy.backend());
        dy.backend().global_avg_pool_backward(dtype, dy.data(), dx.mutable_raw(), N, HW, C);
        return Gradients{dx};
    });
}

}  // namespace moco
