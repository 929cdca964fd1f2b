#include "ops/relu.h"

#include "ops/checks.h"

namespace moco {

Tensor relu(const Tensor& x) {
    check_arguments("relu", {{"x", x, "", Accepts::f32_or_bf16}});
    Tensor y = Tensor::empty_like(x);
    x.backend().relu_forward(x.dtype(), x.raw(), y.mutable_raw(), x.count());
    return record(y, {x}, [y = Saved(y)](const Tensor& dy) {
        Tensor dx = Tensor::empty_like(dy);
        dy.backend().relu_backward(dy.dtype(), y->raw(), dy.raw(), dx.mutable_raw(), dy.count());
        return Gradients{dx};
    });
}

}  // namespace moco
