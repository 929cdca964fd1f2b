#include "nn/sgd.h"

#include "core/backend.h"

namespace moco {

Sgd::Sgd(ParameterArena& arena, const SgdOptions& options)
    : arena_(&arena), options_(options), lr_(arena.values().backend()), v_(arena.zeros_like_values()) {
    check(arena.gradients().defined(),
          "Sgd: the arena of {} elements has no gradients; build it with "
          "ArenaContents::values_and_gradients",
          arena.count());
}

void Sgd::step() {
    Tensor& w = arena_->values();
    w.backend().sgd_update(options_, lr_.data(), w.mutable_data(), arena_->gradients().data(), v_.mutable_data(),
                           arena_->count());
    arena_->bump_versions();
}

std::vector<NamedTensor> Sgd::momenta() const {
    std::vector<NamedTensor> all = arena_->parameters();
    for (size_t i = 0; i < all.size(); ++i) all[i].tensor = arena_->view_of(v_, i);
    return all;
}

}  // namespace moco
