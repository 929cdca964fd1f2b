#include "ops/matmul.h"

#include "ops/checks.h"

namespace moco {

Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_b) {
    const bool transposed = transpose_b == Transpose::yes;
    const Argument a_argument = {"a", a, "M,K"}, b_argument = {"b", b, transposed ? "N,K" : "K,N"};
    check_arguments("matmul", {a_argument, b_argument});
    const int64_t M = a.dim(0), K = a.dim(1), N = b.dim(transposed ? 0 : 1);
    check(b.dim(transposed ? 1 : 0) == K, "matmul: a has {} columns, b{} has {} rows ({}; {})", K,
          transposed ? "^T" : "", b.dim(transposed ? 1 : 0), a_argument, b_argument);
    Tensor y = Tensor::empty({M, N}, DType::f32, a.backend());
    a.backend().matmul({.M = M, .N = N, .K = K, .b = transpose_b}, a.data(), b.data(), y.mutable_data());

    const bool need_da = wants_gradient(a), need_db = wants_gradient(b);
    // Each gradient needs the other input only.
    return record(y, {a, b}, [=, a = need_db ? Saved(a) : Saved(), b = need_da ? Saved(b) : Saved()](const Tensor& dy) {
        Backend& backend = dy.backend();
        Tensor da, db;
        if (need_da) {  // M,K = dy (M,N) * b^T (N,K)
            da = Tensor::empty({M, K}, DType::f32, backend);
            const Transpose t = transposed ? Transpose::no : Transpose::yes;
            backend.matmul({.M = M, .N = K, .K = N, .b = t}, dy.data(), b->data(), da.mutable_data());
        }
        if (need_db && transposed) {  // N,K = dy^T (N,M) * a (M,K)
            db = Tensor::empty({N, K}, DType::f32, backend);
            backend.matmul({.M = N, .N = K, .K = M, .a = Transpose::yes}, dy.data(), a->data(), db.mutable_data());
        } else if (need_db) {  // K,N = a^T (K,M) * dy (M,N)
            db = Tensor::empty({K, N}, DType::f32, backend);
            backend.matmul({.M = K, .N = N, .K = M, .a = Transpose::yes}, a->data(), dy.data(), db.mutable_data());
        }
        return Gradients{da, db};
    });
}

}  // namespace moco
