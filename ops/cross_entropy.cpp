#include "ops/cross_entropy.h"

#include "ops/checks.h"

namespace moco {

Loss cross_entropy(const Tensor& logits, const Tensor& targets) {
    const Argument logits_argument = {"logits", logits, "N,C"}, targets_argument = {"targets", targets, "N"};
    check_arguments("cross_entropy", {logits_argument});
    const int64_t N = logits.dim(0), C = logits.dim(1);
    check_index("cross_entropy", targets_argument, logits_argument);
    check(targets.dim(0) == N, "cross_entropy: {} targets for {} rows of logits ({}; {})", targets.dim(0), N,
          logits_argument, targets_argument);
    Backend& backend = logits.backend();
    Tensor value = Tensor::empty({}, DType::f32, backend), correct = Tensor::empty({}, DType::f32, backend);
    Tensor log_sum = Tensor::empty({N}, DType::f32, backend);
    backend.cross_entropy_forward(logits.data(), targets.data<int64_t>(), value.mutable_data(), log_sum.mutable_data(),
                                  correct.mutable_data(), N, C);
    record(value, {logits},
           [N, C, logits = Saved(logits), targets = Saved(targets), log_sum = Saved(log_sum)](const Tensor& dvalue) {
               Tensor dlogits = Tensor::empty_like(logits.get());
               dvalue.backend().cross_entropy_backward(logits->data(), targets->data<int64_t>(), log_sum->data(),
                                                       dvalue.data(), dlogits.mutable_data(), N, C);
               return Gradients{dlogits};
           });
    return {value, correct};
}

}  // namespace moco
