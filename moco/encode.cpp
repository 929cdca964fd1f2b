#include "moco/encode.h"

#include <utility>

#include "core/autograd.h"
#include "ops/l2_normalize.h"
#include "ops/stack_rows.h"

namespace moco {

Tensor encode(Network& f, const Tensor& x, const BatchPart& part) {
    f.encoder().set_part(part);
    return l2_normalize(f.forward(x));
}

Encoding::Encoding(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm)
    : moco_(moco), x_(x), numbers_(numbers), comm_(comm) {
    const size_t directions = numbers.orders.size();
    std::vector<Tensor> shuffled(directions);
    for (size_t d = 0; d < directions; ++d) shuffled[d] = shuffle_batch(x.key_of(d), numbers.orders[d], comm);
    k_.resize(directions);
    const auto encode_keys = [&] {
        // A view is free again when its keys are there.
        for (size_t d = 0; d < directions; ++d) k_[d] = keys_of(std::exchange(shuffled[d], {}));
    };
    const auto encode_queries = [&] { q_ = queries_of_part(0); };
    moco.queue.keys().backend().do_both(encode_keys, encode_queries, moco.f_q_parameters.count());
    for (size_t d = 0; d < directions; ++d) k_[d] = unshuffle_batch(k_[d], numbers.orders[d], comm);
}

Tensor Encoding::keys_of(const Tensor& view) {
    const NoGrad no_gradient_to_keys;
    const BatchParts& parts = numbers_.parts;
    std::vector<Tensor> keys;
    for (int64_t a = 0; a < parts.count(); ++a) {
        keys.push_back(encode(moco_.f_k, parts.part(view, a), {a, parts.count()}));
    }
    return parts.together(keys);
}

std::vector<Tensor> Encoding::queries_of_part(int64_t a) {
    const auto directions = std::ssize(numbers_.orders);
    std::vector<Tensor> queries;
    for (size_t d = 0; d < numbers_.orders.size(); ++d) {
        const BatchPart part = {a, numbers_.parts.count(), static_cast<int64_t>(d), directions};
        queries.push_back(encode(moco_.f_q, numbers_.parts.part(x_.query_of(d), a), part));
    }
    return queries;
}

std::vector<QueriesAndKeys> Encoding::part(int64_t a) {
    if (a > 0) {
        moco_.enter(StepPhase::encode);
        q_ = queries_of_part(a);
    }
    std::vector<QueriesAndKeys> pairs;
    for (size_t d = 0; d < q_.size(); ++d) {
        pairs.push_back({std::exchange(q_[d], {}), numbers_.parts.part(k_[d], a)});
    }
    moco_.enter(StepPhase::loss);
    if (moco_.clock != nullptr) {
        for (const QueriesAndKeys& pair : pairs) moco_.clock->compared(pair.q, pair.k, moco_.queue.keys());
    }
    return pairs;
}

void Encoding::backward(Loss& loss) {
    moco_.enter(StepPhase::backward);
    loss.value.backward(1.0f / static_cast<float>(numbers_.parts.count()));
    moco_.enter(StepPhase::update);
}

Tensor Encoding::all_gather_keys() {
    std::vector<Tensor> all;  // direction d has the keys of view 2 - d
    for (auto k = k_.rbegin(); k != k_.rend(); ++k) all.push_back(comm_.all_gather_rows(*k));
    return stack_rows(all);
}

}  // namespace moco
