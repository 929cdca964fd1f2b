// What the mechanisms with one encoder train (paper, figure 2 a and b).
#pragma once

#include <cstdint>

#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "nn/sgd.h"

namespace moco {

/// An encoder that learns by gradient alone. Neither copyable nor movable: the optimizer holds on to the arena.
struct SingleEncoder {
    /// `backend` must outlive it.
    SingleEncoder(const NetworkConfig& encoder, const SgdOptions& sgd_options, uint64_t seed, Backend& backend)
        : f(encoder, seed, backend),
          parameters(f.state().parameters, ArenaContents::values_and_gradients),
          sgd(parameters, sgd_options) {}
    SingleEncoder(const SingleEncoder&) = delete;
    SingleEncoder& operator=(const SingleEncoder&) = delete;

    /// Shows encoder_q.* and optimizer.*, as a run of MoCo names them.
    void visit(StateVisitor& visitor) const {
        moco::visit(visitor, "encoder_q.", f.state());
        moco::visit(visitor, "optimizer.", sgd.momenta());
    }

    Network f;
    ParameterArena parameters;  // with gradients
    Sgd sgd;
};

}  // namespace moco
