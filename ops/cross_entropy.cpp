#include "ops/cross_entropy.h"

#include "ops/checks.h"

namespace moco {

Loss cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
    const Argument logits_argument = {"logits", logits, "N,C"}, targets_argument = {"targets", targets, "N"};
    check_arguments("cross_entropy", {logits_argument});
    const int64_t N = logits.dim(0), C = logits.dim(1);
    check_index("cross_entropy", targets_argument, logits_argument);
    check(targets.dim(0) == N, "cross_entropy: {} targets for {} rows of logits ({}; {})", targets.dim(0), N,
          logits_argument, targets_argument);
    check(options.smoothing >= 0 && options.smoothing < 1, "cross_entropy: label smoothing is {}, expected 0 <= it < 1",
          options.smoothing);
    const CrossEntropyDims d = {N, C, options.smoothing};
    Backend& backend = logits.backend();
    Tensor value = Tensor::empty({}, DType::f32, backend), correct = Tensor::empty({}, DType::f32, backend);
    Tensor log_sum = Tensor::empty({N}, DType::f32, backend);
    backend.cross_entropy_forward(d, logits.data(), targets.data<int64_t>(), value.mutable_data(),
                                  log_sum.mutable_data(), correct.mutable_data());
    record(value, {logits},
           [d, logits = Saved(logits), targets = Saved(targets), log_sum = Saved(log_sum)](const Tensor& dvalue) {
               Tensor dlogits = Tensor::empty_like(logits.get());
               dvalue.backend().cross_entropy_backward(d, logits->data(), targets->data<int64_t>(), log_sum->data(),
                                                       dvalue.data(), dlogits.mutable_data());
               return Gradients{dlogits};
           });
    return {value, correct};
}

}  // namespace moco
