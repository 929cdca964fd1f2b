// The linear probe (He et al., Sec. 4.1): the encoder is frozen, linear classifiers learn on its features. Several may
// learn side by side on the same features, each at a rate of its own; all start equal.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/communicator.h"
#include "moco/step_result.h"
#include "nn/linear.h"
#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "nn/sgd.h"

namespace moco {

/// Neither copyable nor movable: the optimizer holds on to the arena.
struct LinearProbe {
    /// encoder: its head is left away. lr_factors: a head for each, times the rate that is set. `backend` must outlive
    /// it.
    LinearProbe(const NetworkConfig& encoder, int64_t classes, const std::vector<float>& lr_factors,
                const SgdOptions& sgd_options, uint64_t seed, Backend& backend);
    LinearProbe(const LinearProbe&) = delete;
    LinearProbe& operator=(const LinearProbe&) = delete;

    /// What never changes: parameters and statistics of the encoder, "encoder.conv1.weight", ...
    ModuleState frozen() const;
    /// fc.weight, fc.bias; of several heads heads.0.weight, ...
    ModuleState heads_state() const;
    /// Shows everything that a checkpoint holds: encoder.*, the heads, optimizer.*.
    void visit(StateVisitor& visitor) const;

    /// Pooled features of images x: N,H,W,channels -> N x d, without gradient.
    Tensor features(const Tensor& x);
    /// What head h makes of features N x d: N x classes, without gradient.
    Tensor scores(size_t h, const Tensor& features);

    Network f;  // in eval mode throughout, no head
    std::vector<std::unique_ptr<Linear>> heads;
    ParameterArena parameters;  // of all heads, with gradients
    Sgd sgd;
};

/// One step of SGD of every head on its mean cross-entropy. features: N x d; labels: N i64. Reports those of the first
/// head. Collective over comm.
StepResult probe_step(LinearProbe& probe, const Tensor& features, const Tensor& labels, Communicator& comm);

}  // namespace moco
