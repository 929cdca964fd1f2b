#include "ops/scale.h"

#include "ops/checks.h"

namespace moco {

Tensor scale(const Tensor& x, float factor) {
    check_arguments("scale", {{"x", x, ""}});
    Tensor y = Tensor::empty_like(x);
    x.backend().scale(x.data(), factor, y.mutable_data(), x.count());
    return record(y, {x}, [factor](const Tensor& dy) {
        Tensor dx = Tensor::empty_like(dy);
        dy.backend().scale(dy.data(), factor, dx.mutable_data(), dy.count());
        return Gradients{dx};
    });
}

}  // namespace moco
