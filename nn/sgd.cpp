#include "nn/sgd.h"

#include "core/backend.h"

namespace moco {

Sgd::Sgd(ParameterArena& arena, const SgdOptions& options) : arena_(&arena), options_(options) {
    check(arena.gradients().defined(),
          "Sgd: the arena of {} elements has no gradients; build it with "
          "ArenaContents::values_and_gradients",
          arena.count());
    v_ = arena.zeros_like_values();
}

void Sgd::step(const DeviceStepState& state) {
    Tensor& w = arena_->values();
    w.backend().sgd_update(options_, state.data(), w.mutable_data(), arena_->gradients().data(), v_.mutable_data(),
                           arena_->count());
    arena_->bump_versions();
}

std::vector<NamedTensor> Sgd::momenta() const {
    std::vector<NamedTensor> all;
    for (size_t i = 0; i < arena_->parameters().size(); ++i) {
        all.push_back({arena_->parameters()[i].name, arena_->view_of(v_, i)});
    }
    return all;
}

}  // namespace moco
