#include "ops/row_dot.h"

#include "ops/checks.h"

namespace moco {

Tensor row_dot(const Tensor& a, const Tensor& b) {
    const Argument a_argument = {"a", a, "N,C"}, b_argument = {"b", b, "N,C"};
    check_arguments("row_dot", {a_argument, b_argument});
    check_alike("row_dot", a_argument, b_argument);
    const int64_t N = a.dim(0), C = a.dim(1);
    Tensor y = Tensor::empty({N, 1}, DType::f32, a.backend());
    a.backend().row_dot_forward(a.data(), b.data(), y.mutable_data(), N, C);
    return record(
        y, {a, b},
        [N, C, need_da = wants_gradient(a), need_db = wants_gradient(b), a = Saved(a), b = Saved(b)](const Tensor& dy) {
            Tensor da = empty_if(need_da, a.get()), db = empty_if(need_db, b.get());
            dy.backend().row_dot_backward(a->data(), b->data(), dy.data(), data_or_null(da), data_or_null(db), N, C);
            return Gradients{da, db};
        });
}

}  // namespace moco
