// One training step of MoCo: Algorithm 1 of He et al., arXiv:1911.05722.
// N = batch, C = feature dimension, K = queue length, m = momentum, T = temperature.
#include "moco/train_step.h"

#include <iterator>

#include "moco/encode.h"
#include "moco/momentum_encoder.h"
#include "ops/info_nce.h"

namespace moco {

StepResult algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm) {
    auto& [f_q, f_k, f_q_parameters, f_k_parameters, queue, sgd, state, clock] = moco;  // state: m, the queue's pointer
    StepResult result;
    result.parts = numbers.parts.count();
    result.queries = x.query.dim(0) * std::ssize(numbers.orders);

    momentum_update(f_k_parameters, f_q_parameters, state);  // f_k = m f_k + (1-m) f_q, Eqn. (2)
    Encoding encoding(moco, x, numbers, comm);               // q = f_q(x_q), k = f_k(x_k); shuffling BN, Sec. 3.3

    sgd.zero_grad();
    for (int64_t part = 0; part < result.parts; ++part) {  // one part, the whole batch, unless --accumulate cuts it
        Loss loss;
        for (const auto& [q, k] : encoding.part(part)) {  // queries, keys: N x C; two pairs if the loss is symmetric
            loss = sum(loss, info_nce(q, k, queue.keys(), numbers.T));  // the positive is class 0 of 1+K, Eqn. (1)
        }
        result.add(loss);
        encoding.backward(loss);
    }

    average_gradients(f_q_parameters, comm);
    sgd.step();                                        // f_q
    queue.enqueue(encoding.all_gather_keys(), state);  // in with these keys, out with the oldest
    return result;
}

std::vector<Tensor*> PlacedNumbers::placed() {
    std::vector<Tensor*> all = parts.placed();
    for (PlacedOrder& order : orders) all.insert(all.end(), {&order.index, &order.inverse});
    return all;
}

PlacedNumbers place_numbers(Moco& moco, const StepNumbers& numbers, int64_t N, Communicator& comm) {
    Backend& backend = moco.queue.keys().backend();
    moco.sgd.set_learning_rate(numbers.lr);
    moco.state.set({.m = numbers.m, .queue_ptr = moco.queue.pointer()});
    PlacedNumbers placed{numbers.T, BatchParts(N, numbers.parts, backend), {}};
    placed.orders.resize(static_cast<size_t>(numbers.directions));
    for (size_t direction = 0; direction < placed.orders.size() && direction < numbers.orders.size(); ++direction) {
        placed.orders[direction] = place_order(numbers.orders[direction], N, comm, backend);
    }
    moco.enter(StepPhase::encode);
    return placed;
}

StepResult train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm) {
    return algorithm_1(moco, x, place_numbers(moco, numbers, x.key.dim(0), comm), comm);
}

}  // namespace moco
