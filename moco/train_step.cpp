// One training step of MoCo: Algorithm 1 of He et al., arXiv:1911.05722.
// N = batch, C = feature dimension, K = queue length, m = momentum, T = temperature.
//
// Keys come before queries: the key encoder keeps nothing for backward, so its activations are gone before those of the
// queries pile up. Neither depends on the other.
#include "moco/train_step.h"

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

    clock.enter(StepPhase::key);
    Tensor k;  // keys: N x C
    {
        const NoGrad no_gradient_to_keys;
        momentum_update(f_k_parameters, f_q_parameters, state);  // f_k = m f_k + (1-m) f_q, Eqn. (2)
        const Tensor x_k = shuffle_batch(x.key, order, comm);    // shuffling BN, Sec. 3.3
        k = unshuffle_batch(l2_normalize(f_k.forward(x_k)), order, comm);
    }

    clock.enter(StepPhase::query);
    const Tensor q = l2_normalize(f_q.forward(x.query));  // queries: N x C

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
    const auto queries_of = [&f = f_q, &clock](const Tensor& view) {
        clock.enter(StepPhase::query);
        return l2_normalize(f.forward(view));
    };
    const auto keys_of = [&f = f_k, &clock, &comm](const Tensor& view, const PlacedOrder& order) {
        clock.enter(StepPhase::key);
        const NoGrad no_gradient_to_keys;
        return unshuffle_batch(l2_normalize(f.forward(shuffle_batch(view, order, comm))), order, comm);
    };

    momentum_update(f_k_parameters, f_q_parameters, state);  // once a step
    const Tensor k_2 = keys_of(x.key, numbers.orders[0]);
    const Tensor k_1 = keys_of(x.query, numbers.orders[1]);
    const Tensor q_1 = queries_of(x.query);
    const Tensor q_2 = queries_of(x.key);

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
