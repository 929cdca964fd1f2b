#include "ops/gather_rows.h"

#include "ops/checks.h"

namespace moco {

Tensor gather_rows(const Tensor& x, const Tensor& index) {
    const Argument x_argument = {"x", x, ""};
    check_arguments("gather_rows", {x_argument});
    check(x.shape().rank() >= 1, "gather_rows: x is a scalar, expected rows");
    check_index("gather_rows", {"index", index, "M"}, x_argument);
    check(!wants_gradient(x), "gather_rows: no gradient goes through it, but x wants one; wrap it in NoGrad");
    Tensor y = Tensor::empty(x.shape().with_rows(index.dim(0)), DType::f32, x.backend());
    x.backend().gather_rows(x.data(), index.data<int64_t>(), y.mutable_data(), index.dim(0), x.count() / x.dim(0));
    return y;
}

}  // namespace moco
