#include "ops/add.h"

#include "ops/checks.h"

namespace moco {

Tensor add(const Tensor& a, const Tensor& b) {
    const Argument a_argument = {"a", a, "", Accepts::f32_or_bf16}, b_argument = {"b", b, "", Accepts::f32_or_bf16};
    check_arguments("add", {a_argument, b_argument});
    check_alike("add", a_argument, b_argument);
    Tensor y = Tensor::empty_like(a);
    a.backend().add_forward(a.dtype(), a.raw(), b.raw(), y.mutable_raw(), a.count());
    return record(y, {a, b}, [](const Tensor& dy) { return Gradients{dy, dy}; });
}

}  // namespace moco
