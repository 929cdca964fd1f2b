// One training step of the memory bank: figure 2 b of He et al., arXiv:1911.05722, after Wu et al., arXiv:1805.01978.
// N = batch, C = feature dimension, K = negatives, T = temperature.
#include "moco/memory_bank_step.h"

#include <algorithm>

#include "moco/encode.h"
#include "ops/info_nce.h"

namespace moco {

StepResult memory_bank_step(BankedEncoder& model, const Tensor& x, const PlacedBankNumbers& numbers,
                            Communicator& comm) {
    auto& [f, parameters, sgd] = model.encoder;
    MemoryBank& bank = model.bank;
    const BatchParts& parts = numbers.parts;
    StepResult result;
    result.parts = parts.count();
    result.queries = x.dim(0);

    const Tensor k = bank.at(numbers.images);             // keys: N x C, what is remembered of the batch's images
    const Tensor negatives = bank.at(numbers.negatives);  // K x C, sampled from all images

    sgd.zero_grad();
    std::vector<Tensor> queries;
    for (int64_t part = 0; part < result.parts; ++part) {  // one part, the whole batch, unless --accumulate cuts it
        const Tensor q = encode(f, parts.part(x, part), {part, result.parts});  // queries: N x C
        Loss loss = info_nce(q, parts.part(k, part), negatives, numbers.T);     // the positive is class 0 of 1+K
        result.add(loss);
        loss.value.backward(1.0f / static_cast<float>(result.parts));
        queries.push_back(q.detached());
    }

    average_gradients(parameters, comm);
    sgd.step();  // f
    bank.update(comm.all_gather_rows(numbers.images), comm.all_gather_rows(parts.together(queries)));
    return result;
}

std::vector<Tensor*> PlacedBankNumbers::placed() {
    std::vector<Tensor*> all = parts.placed();
    all.insert(all.end(), {&images, &negatives});
    return all;
}

namespace {

Tensor place(const std::vector<int64_t>& images, const MemoryBank& bank) {
    const int64_t entries = bank.entries().dim(0);
    for (const int64_t image : images) {
        check(image >= 0 && image < entries, "memory_bank_step: image {} has no entry in a bank of {}", image, entries);
    }
    return Tensor::from_host(images, {static_cast<int64_t>(images.size())}, bank.entries().backend());
}

}  // namespace

PlacedBankNumbers place_numbers(BankedEncoder& model, const BankNumbers& numbers) {
    model.encoder.sgd.set_learning_rate(numbers.lr);
    const auto N = static_cast<int64_t>(numbers.images.size());
    return {numbers.T, BatchParts(N, numbers.parts, model.bank.entries().backend()), place(numbers.images, model.bank),
            place(numbers.negatives, model.bank)};
}

}  // namespace moco
