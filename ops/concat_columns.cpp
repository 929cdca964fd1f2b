#include "ops/concat_columns.h"

#include "ops/checks.h"

namespace moco {

Tensor concat_columns(const Tensor& a, const Tensor& b) {
    const Argument a_argument = {"a", a, "N,CA"}, b_argument = {"b", b, "N,CB"};
    check_arguments("concat_columns", {a_argument, b_argument});
    const int64_t N = a.dim(0), CA = a.dim(1), CB = b.dim(1);
    check(b.dim(0) == N, "concat_columns: a has {} rows, b has {} ({}; {})", N, b.dim(0), a_argument, b_argument);
    Tensor y = Tensor::empty({N, CA + CB}, DType::f32, a.backend());
    a.backend().concat_columns_forward(a.data(), b.data(), y.mutable_data(), N, CA, CB);
    return record(y, {a, b}, [N, CA, CB, need_da = wants_gradient(a), need_db = wants_gradient(b)](const Tensor& dy) {
        Tensor da, db;
        if (need_da) da = Tensor::empty({N, CA}, DType::f32, dy.backend());
        if (need_db) db = Tensor::empty({N, CB}, DType::f32, dy.backend());
        dy.backend().concat_columns_backward(dy.data(), data_or_null(da), data_or_null(db), N, CA, CB);
        return Gradients{da, db};
    });
}

}  // namespace moco
