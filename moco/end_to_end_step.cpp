// One training step of the end-to-end mechanism: figure 2 a of He et al., arXiv:1911.05722.
// N = batch of a rank, C = feature dimension, K = batch of all ranks, T = temperature.
#include "moco/end_to_end_step.h"

#include <numeric>

#include "moco/encode.h"
#include "ops/all_gather_rows.h"
#include "ops/cross_entropy.h"
#include "ops/matmul.h"
#include "ops/scale.h"

namespace moco {

Loss contrast_within_batch(const Tensor& q, const Tensor& keys, const Tensor& targets, float T) {
    const Tensor logits = scale(matmul(q, keys, Transpose::yes), 1.0f / T);  // N x K
    return cross_entropy(logits, targets);
}

StepResult end_to_end_step(SingleEncoder& encoder, const Views& x, const PlacedEndToEnd& numbers, Communicator& comm) {
    auto& [f, parameters, sgd] = encoder;
    StepResult result;
    result.queries = x.query.dim(0);

    const Tensor q = encode(f, x.query);                                    // queries: N x C
    const Tensor k = encode(f, shuffle_batch(x.key, numbers.order, comm));  // keys: N x C, by the same encoder
    const Tensor keys = all_gather_rows(k, comm);                           // the dictionary: K x C, as it was shuffled
    Loss loss = contrast_within_batch(q, keys, numbers.targets, numbers.T);  // the positive is the query's own image
    result.add(loss);

    sgd.zero_grad();
    loss.value.backward();  // through q and through all keys
    average_gradients(parameters, comm);
    sgd.step();  // f
    return result;
}

std::vector<Tensor*> PlacedEndToEnd::placed() {
    return {&order.index, &order.inverse, &targets};
}

PlacedEndToEnd place_numbers(SingleEncoder& encoder, const EndToEndNumbers& numbers, int64_t N,
                             const Communicator& comm) {
    Backend& backend = encoder.parameters.values().backend();
    encoder.sgd.set_learning_rate(numbers.lr);
    PlacedEndToEnd placed = {numbers.T, place_order(numbers.order, N, comm, backend), {}};
    // The dictionary stays shuffled; where its rows lie in it, the order's inverse says.
    placed.targets = placed.order.inverse;
    if (!placed.targets.defined()) {
        std::vector<int64_t> own(static_cast<size_t>(N));
        std::iota(own.begin(), own.end(), comm.rank() * N);
        placed.targets = Tensor::from_host(own, {N}, backend);
    }
    return placed;
}

}  // namespace moco
