// Everything one MoCo run trains: two encoders, the queue and the optimizer.
#pragma once

#include <cstdint>

#include "core/communicator.h"
#include "core/parameter_arena.h"
#include "moco/queue.h"
#include "nn/resnet.h"
#include "nn/sgd.h"
#include "nn/step_state.h"

namespace moco {

/// The state of the method, with the paper's names. Encoders, queue and momenta start as they do in the reference code:
/// f_k with f_q's parameters, statistics at mean 0 and variance 1, momenta at 0. Neither copyable nor movable: the
/// optimizer holds on to the arena.
struct Moco {
    /// encoder: f_q's and f_k's architecture; K: keys in the queue. `backend` must outlive it.
    Moco(const ResNetConfig& encoder, int64_t K, const SgdOptions& sgd_options, uint64_t seed, Backend& backend);
    Moco(const Moco&) = delete;
    Moco& operator=(const Moco&) = delete;

    ResNet f_q, f_k;
    ParameterArena f_q_parameters;  // with gradients
    ParameterArena f_k_parameters;  // without: no gradient to keys
    KeyQueue queue;                 // K x C
    Sgd sgd;                        // over f_q's parameters
    DeviceStepState state;          // learning rate, m and the queue's pointer, where the kernels read them
};

/// Replaces an encoder's gradients by their mean over the ranks.
void average_gradients(ParameterArena& f, Communicator& comm);

/// Replaces the running statistics of both encoders by their mean over the ranks. Running averages are linear, so doing
/// it once before an evaluation or a checkpoint equals doing it every step.
void average_statistics(Moco& moco, Communicator& comm);

}  // namespace moco
