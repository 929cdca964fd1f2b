#include "ops/cast.h"

#include "ops/checks.h"

namespace moco {

Tensor cast(const Tensor& x, DType dtype) {
    check_arguments("cast", {{"x", x, "", Accepts::f32_or_bf16}});
    check(dtype == DType::f32 || dtype == DType::bf16, "cast: the result is to be {}, expected f32 or bf16", dtype);
    if (dtype == x.dtype()) return x;
    Tensor y = Tensor::empty(x.shape(), dtype, x.backend());
    x.backend().cast(x.dtype(), x.raw(), dtype, y.mutable_raw(), x.count());
    return record(y, {x}, [from = x.dtype()](const Tensor& dy) { return Gradients{cast(dy, from)}; });
}

}  // namespace moco
