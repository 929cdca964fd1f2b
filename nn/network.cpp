#include "nn/network.h"

namespace moco {

Network::Network(const NetworkConfig& config, uint64_t seed, Backend& backend) : config_(config) {
    Initializer init(seed, backend);
    encoder_ = make_encoder(config, init);
    head_ = make_head(config.head, encoder_->feature_dim(), config.dim, init);
}

void Network::set_mode(BatchNormMode mode) {
    encoder_->set_mode(mode);
    if (head_) head_->set_mode(mode);
}

void Network::collect(const std::string& prefix, ModuleState& state) const {
    encoder_->collect(prefix, state);
    if (head_) head_->collect(prefix + "fc.", state);
}

ModuleState Network::state(const std::string& encoder_prefix, const std::string& head_prefix) const {
    ModuleState state;
    encoder_->collect(encoder_prefix, state);
    if (head_) head_->collect(head_prefix, state);
    return state;
}

void Network::copy_parameters_from(const Network& other) {
    std::vector<NamedTensor> mine = state().parameters;
    const std::vector<NamedTensor> theirs = other.state().parameters;
    check(mine.size() == theirs.size(), "copy_parameters_from: {} has {} parameters, {} has {}", config_.arch,
          mine.size(), other.config_.arch, theirs.size());
    for (size_t i = 0; i < mine.size(); ++i) {
        check(mine[i].name == theirs[i].name && mine[i].tensor.shape() == theirs[i].tensor.shape(),
              "copy_parameters_from: {} {} cannot take {} {}", mine[i].name, mine[i].tensor.shape(), theirs[i].name,
              theirs[i].tensor.shape());
        mine[i].tensor.copy_from(theirs[i].tensor);
    }
}

}  // namespace moco
