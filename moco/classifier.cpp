#include "moco/classifier.h"

#include <cmath>

#include "moco/model.h"

namespace moco {

std::vector<ParameterGroup> groups_by_depth(const Network& f, const DepthRates& rates, const SgdOptions& options) {
    std::vector<ParameterGroup> groups;
    size_t first = 0;
    const auto add = [&](size_t count, float factor) {
        if (!groups.empty() && groups.back().lr_factor == factor) {
            groups.back().count += count;
        } else if (count > 0) {
            groups.push_back({first, count, options, factor});
        }
        first += count;
    };
    const std::vector<ModuleState> stages = f.encoder().stages();
    for (size_t s = 0; s < stages.size(); ++s) {
        const auto below = static_cast<float>(stages.size() - 1 - s);
        if (static_cast<int64_t>(s) < rates.frozen_stages) {
            first += stages[s].parameters.size();
        } else {
            add(stages[s].parameters.size(), std::pow(rates.decay, below));
        }
    }
    add(f.state().parameters.size() - first, rates.head);
    return groups;
}

Classifier::Classifier(const NetworkConfig& network, const SgdOptions& sgd_options, uint64_t seed, Backend& backend,
                       const DepthRates& rates)
    : f(network, seed, backend),
      parameters(state().parameters, ArenaContents::values_and_gradients),
      sgd(parameters, groups_by_depth(f, rates, sgd_options)) {
    f.encoder().freeze_stages(rates.frozen_stages);
    const std::vector<ModuleState> stages = f.encoder().stages();
    for (int64_t s = 0; s < rates.frozen_stages; ++s) {
        for (NamedTensor named : stages[static_cast<size_t>(s)].parameters) named.tensor.set_requires_grad(false);
    }
}

void Classifier::visit(StateVisitor& visitor) const {
    moco::visit(visitor, "", state());
    moco::visit(visitor, "optimizer.", sgd.momenta());
}

LabelledBatch::LabelledBatch(const Tensor& images, const std::vector<int64_t>& all_labels, int64_t count)
    : x(images), parts(images.dim(0), count, images.backend()) {
    std::vector<std::vector<int64_t>> of_parts(static_cast<size_t>(count));
    for (size_t n = 0; n < all_labels.size(); ++n) {
        check(all_labels[n] >= 0, "an image of the batch has no label (number {})", n);
        of_parts[n % of_parts.size()].push_back(all_labels[n]);
    }
    for (const auto& part : of_parts) labels.push_back(Tensor::from_host(part, {std::ssize(part)}, x.backend()));
}

std::vector<Tensor*> LabelledBatch::placed() {
    std::vector<Tensor*> all = parts.placed();
    all.push_back(&x);
    for (Tensor& part : labels) all.push_back(&part);
    return all;
}

StepResult classifier_step(Classifier& classifier, const LabelledBatch& batch, Communicator& comm,
                           const CrossEntropyOptions& loss_options) {
    auto& [f, parameters, sgd] = classifier;
    StepResult result;
    result.parts = batch.parts.count();
    sgd.zero_grad();
    for (int64_t part = 0; part < result.parts; ++part) {
        f.encoder().set_part({part, result.parts});
        const Tensor scores = f.forward(batch.parts.part(batch.x, part));  // N x classes
        Loss loss = cross_entropy(scores, batch.labels[static_cast<size_t>(part)], loss_options);
        result.add(loss);
        result.queries += scores.dim(0);
        loss.value.backward(1.0f / static_cast<float>(result.parts));
    }
    average_gradients(parameters, comm);
    sgd.step();
    return result;
}

}  // namespace moco
