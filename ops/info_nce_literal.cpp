#include "ops/info_nce_literal.h"

#include "ops/concat_columns.h"
#include "ops/cross_entropy.h"
#include "ops/matmul.h"
#include "ops/row_dot.h"
#include "ops/scale.h"

namespace moco {

Loss info_nce_literal(const Tensor& q, const Tensor& k, const Tensor& queue, float T) {
    check(T > 0, "info_nce_literal: temperature T = {}, expected more than 0", T);
    const Tensor l_pos = row_dot(q, k);                                        // N x 1
    const Tensor l_neg = matmul(q, queue, Transpose::yes);                     // N x K
    const Tensor logits = scale(concat_columns(l_pos, l_neg), 1.0f / T);       // N x (1 + K)
    const Tensor labels = Tensor::zeros({q.dim(0)}, DType::i64, q.backend());  // the positive is class 0
    return cross_entropy(logits, labels);
}

}  // namespace moco
