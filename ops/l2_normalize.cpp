#include "ops/l2_normalize.h"

#include "ops/checks.h"

namespace moco {

Tensor l2_normalize(const Tensor& x) {
    check_arguments("l2_normalize", {{"x", x, "N,C"}});
    const int64_t N = x.dim(0), C = x.dim(1);
    Tensor y = Tensor::empty_like(x), norm = Tensor::empty({N}, DType::f32, x.backend());
    x.backend().l2_normalize_forward(x.data(), y.mutable_data(), norm.mutable_data(), N, C);
    return record(y, {x}, [N, C, y = Saved(y), norm = Saved(norm)](const Tensor& dy) {
        Tensor dx = Tensor::empty_like(dy);
        dy.backend().l2_normalize_backward(y->data(), norm->data(), dy.data(), dx.mutable_data(), N, C);
        return Gradients{dx};
    });
}

}  // namespace moco
