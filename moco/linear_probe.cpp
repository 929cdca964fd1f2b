#include "moco/linear_probe.h"

#include "core/autograd.h"
#include "moco/model.h"
#include "ops/cross_entropy.h"

namespace moco {
namespace {

NetworkConfig headless(NetworkConfig config) {
    config.head = Head::none;
    return config;
}

std::vector<std::unique_ptr<Linear>> make_heads(size_t count, int64_t d, int64_t classes, uint64_t seed,
                                                Backend& backend) {
    std::vector<std::unique_ptr<Linear>> heads;
    for (size_t h = 0; h < count; ++h) {
        Initializer init(seed, backend);  // the same numbers for each
        heads.push_back(std::make_unique<Linear>(d, classes, init, LinearInit::probe));
    }
    return heads;
}

std::vector<ParameterGroup> groups_of(const std::vector<float>& lr_factors, const SgdOptions& options) {
    const size_t each = 2;  // weight and bias
    std::vector<ParameterGroup> groups;
    for (const float factor : lr_factors) groups.push_back({each * groups.size(), each, options, factor});
    return groups;
}

}  // namespace

LinearProbe::LinearProbe(const NetworkConfig& encoder, int64_t classes, const std::vector<float>& lr_factors,
                         const SgdOptions& sgd_options, uint64_t seed, Backend& backend)
    : f(headless(encoder), seed, backend),
      heads(make_heads(lr_factors.size(), f.encoder().feature_dim(), classes, seed, backend)),
      parameters(heads_state().parameters, ArenaContents::values_and_gradients),
      sgd(parameters, groups_of(lr_factors, sgd_options)) {
    f.set_mode(BatchNormMode::eval);
}

ModuleState LinearProbe::frozen() const {
    return f.state("encoder.", "");
}

ModuleState LinearProbe::heads_state() const {
    ModuleState state;
    for (size_t h = 0; h < heads.size(); ++h) {
        heads[h]->collect(heads.size() == 1 ? "fc." : fmt::format("heads.{}.", h), state);
    }
    return state;
}

void LinearProbe::visit(StateVisitor& visitor) const {
    moco::visit(visitor, "", frozen());
    moco::visit(visitor, "", heads_state());
    moco::visit(visitor, "optimizer.", sgd.momenta());
}

Tensor LinearProbe::features(const Tensor& x) {
    const NoGrad frozen_weights;
    return f.forward(x);
}

Tensor LinearProbe::scores(size_t h, const Tensor& features) {
    const NoGrad no_gradient;
    return heads[h]->forward(features);
}

StepResult probe_step(LinearProbe& probe, const Tensor& features, const Tensor& labels, Communicator& comm) {
    StepResult result;
    result.queries = features.dim(0);
    probe.sgd.zero_grad();
    for (const std::unique_ptr<Linear>& head : probe.heads) {
        Loss loss = cross_entropy(head->forward(features), labels);  // of scores: N x classes
        if (!result.loss.defined()) result.add(loss);
        loss.value.backward();
    }
    average_gradients(probe.parameters, comm);
    probe.sgd.step();
    return result;
}

}  // namespace moco
