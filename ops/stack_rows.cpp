#include "ops/stack_rows.h"

namespace moco {

Tensor stack_rows(const std::vector<Tensor>& parts) {
    check(!parts.empty(), "stack_rows: there are no parts");
    const Tensor& first = parts.front();
    int64_t rows = 0;
    for (const Tensor& part : parts) {
        check(part.shape().rank() >= 1 && part.shape().with_rows(0) == first.shape().with_rows(0) &&
                  part.dtype() == first.dtype() && &part.backend() == &first.backend(),
              "stack_rows: {} does not fit under {}; all parts must be alike but for their rows", part, first);
        check(!part.requires_grad(), "stack_rows: a part ({}) wants a gradient; there is none through this op", part);
        rows += part.dim(0);
    }
    if (parts.size() == 1) return first;
    Tensor all = Tensor::empty(first.shape().with_rows(rows), first.dtype(), first.backend());
    int64_t begin = 0;
    for (const Tensor& part : parts) {
        all.rows(begin, begin + part.dim(0)).copy_from(part);
        begin += part.dim(0);
    }
    return all;
}

}  // namespace moco
