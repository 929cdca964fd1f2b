// One training step of MoCo: Algorithm 1 of He et al., arXiv:1911.05722.
// N = batch, C = feature dimension, K = queue length, m = momentum, T = temperature.
//
// Neither encoder depends on the other: where a device gains by it, it computes both at a time. Else keys come before
// queries: the key encoder keeps nothing for backward, so its activations are gone before those of the queries pile up.
#include "moco/train_step.h"

#include <utility>

#include "core/autograd.h"
#include "moco/momentum_encoder.h"
#include "ops/add.h"
#include "ops/info_nce.h"
#include "ops/l2_normalize.h"

namespace moco {
namespace {

/// a's rows, then b's: 2N x C.
Tensor stack_rows(const Tensor& a, const Tensor& b) {
    Tensor both = Tensor::empty(a.shape().with_rows(a.dim(0) + b.dim(0)), a.dtype(), a.backend());
    both.rows(0, a.dim(0)).copy_from(a);
    both.rows(a.dim(0), both.dim(0)).copy_from(b);
    return both;
}

}  // namespace

StepResult algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm, StepClock& clock) {
    auto& [f_q, f_k, f_q_parameters, f_k_parameters, queue, sgd, state] = moco;  // state: lr, m, the queue's pointer
    const PlacedOrder& order = numbers.orders[0];

    clock.enter(StepPhase::encode);
    momentum_update(f_k_parameters, f_q_parameters, state);  // f_k = m f_k + (1-m) f_q, Eqn. (2)
    Tensor x_k = shuffle_batch(x.key, order, comm);          // shuffling BN, Sec. 3.3
    Tensor q, k;                                             // queries, keys: N x C
    const auto encode_queries = [&, &f_q = f_q] { q = l2_normalize(f_q.forward(x.query)); };
    const auto encode_keys = [&, &f_k = f_k] {
        const NoGrad no_gradient_to_keys;
        k = l2_normalize(f_k.forward(std::exchange(x_k, {})));  // x_k is free again when its keys are there
    };
    queue.keys().backend().do_both(encode_keys, encode_queries, f_q_parameters.count());
    k = unshuffle_batch(k, order, comm);

    clock.enter(StepPhase::loss);
    Loss loss = info_nce(q, k, queue.keys(), numbers.T);  // logits: N x (1+K), the positive is class 0, Eqn. (1)

    clock.enter(StepPhase::backward);
    sgd.zero_grad();
    loss.value.backward();

    clock.enter(StepPhase::update);
    average_gradients(f_q_parameters, comm);
    sgd.step(state);                                // f_q
    queue.enqueue(comm.all_gather_rows(k), state);  // in with these keys, out with the oldest
    return {loss.value.detached(), loss.correct, q.dim(0)};
}

StepResult symmetric_algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm,
                                 StepClock& clock) {
    auto& [f_q, f_k, f_q_parameters, f_k_parameters, queue, sgd, state] = moco;
    const auto keys_of = [&f_k = f_k](Tensor view) {
        const NoGrad no_gradient_to_keys;
        return l2_normalize(f_k.forward(view));
    };
    const auto queries_of = [&f_q = f_q](const Tensor& view) { return l2_normalize(f_q.forward(view)); };

    clock.enter(StepPhase::encode);
    momentum_update(f_k_parameters, f_q_parameters, state);  // once a step
    Tensor shuffled_2 = shuffle_batch(x.key, numbers.orders[0], comm);
    Tensor shuffled_1 = shuffle_batch(x.query, numbers.orders[1], comm);
    Tensor q_1, q_2, k_1, k_2;
    const auto encode_queries = [&] { q_1 = queries_of(x.query), q_2 = queries_of(x.key); };
    const auto encode_keys = [&] { k_2 = keys_of(std::move(shuffled_2)), k_1 = keys_of(std::move(shuffled_1)); };
    queue.keys().backend().do_both(encode_keys, encode_queries, f_q_parameters.count());
    k_2 = unshuffle_batch(k_2, numbers.orders[0], comm);
    k_1 = unshuffle_batch(k_1, numbers.orders[1], comm);

    clock.enter(StepPhase::loss);
    const Loss loss_12 = info_nce(q_1, k_2, queue.keys(), numbers.T);
    const Loss loss_21 = info_nce(q_2, k_1, queue.keys(), numbers.T);
    Tensor loss = add(loss_12.value, loss_21.value);  // the sum, not the mean

    clock.enter(StepPhase::backward);
    sgd.zero_grad();
    loss.backward();

    clock.enter(StepPhase::update);
    average_gradients(f_q_parameters, comm);
    sgd.step(state);
    queue.enqueue(stack_rows(comm.all_gather_rows(k_1), comm.all_gather_rows(k_2)), state);
    return {loss.detached(), add(loss_12.correct, loss_21.correct), 2 * q_1.dim(0)};
}

PlacedNumbers place_numbers(Moco& moco, const StepNumbers& numbers, int64_t N, Communicator& comm) {
    moco.state.set({.lr = numbers.lr, .m = numbers.m, .queue_ptr = moco.queue.pointer()});
    Backend& backend = moco.queue.keys().backend();
    PlacedNumbers placed;
    placed.T = numbers.T;
    for (size_t view = 0; view < placed.orders.size() && view < numbers.orders.size(); ++view) {
        placed.orders[view] = place_order(numbers.orders[view], N, comm, backend);
    }
    return placed;
}

StepResult train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm, StepClock& clock) {
    return algorithm_1(moco, x, place_numbers(moco, numbers, x.key.dim(0), comm), comm, clock);
}

StepResult symmetric_train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm,
                                StepClock& clock) {
    return symmetric_algorithm_1(moco, x, place_numbers(moco, numbers, x.key.dim(0), comm), comm, clock);
}

}  // namespace moco
