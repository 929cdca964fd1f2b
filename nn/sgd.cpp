#include "nn/sgd.h"

#include "core/backend.h"

namespace moco {

Sgd::Sgd(ParameterArena& arena, const SgdOptions& options)
    : Sgd(arena, std::vector<ParameterGroup>{{0, arena.parameters().size(), options, 1}}) {}

Sgd::Sgd(ParameterArena& arena, std::vector<ParameterGroup> groups)
    : arena_(&arena), groups_(std::move(groups)), v_(arena.zeros_like_values()) {
    check(arena.gradients().defined(),
          "Sgd: the arena of {} elements has no gradients; build it with "
          "ArenaContents::values_and_gradients",
          arena.count());
    for (const ParameterGroup& group : groups_) {
        check(group.count >= 1 && group.first + group.count <= arena.parameters().size(),
              "Sgd: a group of {} parameters from number {}, the arena has {}", group.count, group.first,
              arena.parameters().size());
        lr_.emplace_back(arena.values().backend());
    }
}

void Sgd::set_learning_rate(float lr) {
    for (size_t g = 0; g < groups_.size(); ++g) lr_[g].set(lr * groups_[g].lr_factor);
}

void Sgd::step() {
    Tensor& w = arena_->values();
    const float* dw = arena_->gradients().data();
    for (size_t g = 0; g < groups_.size(); ++g) {
        const ParameterGroup& group = groups_[g];
        const int64_t begin = arena_->offset(group.first), end = arena_->offset(group.first + group.count);
        w.backend().sgd_update(group.options, lr_[g].data(), w.mutable_data() + begin, dw + begin,
                               v_.mutable_data() + begin, end - begin);
    }
    arena_->bump_versions();
}

std::vector<NamedTensor> Sgd::momenta() const {
    std::vector<NamedTensor> all = arena_->parameters();
    for (size_t i = 0; i < all.size(); ++i) all[i].tensor = arena_->view_of(v_, i);
    return all;
}

}  // namespace moco
