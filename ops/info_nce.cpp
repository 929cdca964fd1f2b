#include "ops/info_nce.h"

#include "ops/checks.h"

namespace moco {
namespace {

InfoNceDims info_nce_dims(const Tensor& q, const Tensor& k, const Tensor& queue, float T) {
    const Argument q_argument = {"q", q, "N,C"}, k_argument = {"k", k, "N,C"}, queue_argument = {"queue", queue, "K,C"};
    check_arguments("info_nce", {q_argument, k_argument, queue_argument});
    check_alike("info_nce", q_argument, k_argument);
    const InfoNceDims d = {.N = q.dim(0), .C = q.dim(1), .K = queue.dim(0), .T = T};
    check(queue.dim(1) == d.C, "info_nce: the queue's keys have {} dimensions, the queries {} ({}; {})", queue.dim(1),
          d.C, q_argument, queue_argument);
    check(T > 0, "info_nce: temperature T = {}, expected more than 0", T);
    check(!wants_gradient(queue), "info_nce: the queue takes no gradient; detach it, or use info_nce_literal");
    return d;
}

}  // namespace

Loss info_nce(const Tensor& q, const Tensor& k, const Tensor& queue, float T) {
    const InfoNceDims d = info_nce_dims(q, k, queue, T);
    Backend& backend = q.backend();
    Tensor value = Tensor::empty({}, DType::f32, backend), correct = Tensor::empty({}, DType::f32, backend);
    Tensor positive = Tensor::empty({d.N}, DType::f32, backend);  // q.k / T
    Tensor log_sum = Tensor::empty({d.N}, DType::f32, backend);
    Tensor weighted = wants_gradient(q, k) ? Tensor::empty({d.N, d.C + 1}, DType::f32, backend)
                                           : Tensor();  // the backend's own affair
    backend.info_nce_forward(d, q.data(), k.data(), queue.data(), value.mutable_data(), positive.mutable_data(),
                             log_sum.mutable_data(), correct.mutable_data(), data_or_null(weighted));
    record(value, {q, k},
           [d, need_dk = wants_gradient(k), q = Saved(q), k = Saved(k), queue = Saved(queue),
            positive = Saved(positive), log_sum = Saved(log_sum), weighted = Saved(weighted)](const Tensor& dvalue) {
               Tensor dq = Tensor::empty_like(q.get()), dk = empty_if(need_dk, k.get());
               dvalue.backend().info_nce_backward(d, q->data(), k->data(), queue->data(), positive->data(),
                                                  log_sum->data(), weighted->data(), dvalue.data(), dq.mutable_data(),
                                                  data_or_null(dk));
               return Gradients{dq, dk};
           });
    return {value, correct};
}

}  // namespace moco
