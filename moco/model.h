// Everything one MoCo run trains: two encoders, the queue and the optimizer.
#pragma once

#include <cstdint>

#include "core/communicator.h"
#include "moco/method_state.h"
#include "moco/queue.h"
#include "moco/step_clock.h"
#include "nn/network.h"
#include "nn/parameter_arena.h"
#include "nn/sgd.h"

namespace moco {

/// The state of the method, with the paper's names. Encoders, queue and momenta start as they do in the reference code:
/// f_k with f_q's parameters, statistics at mean 0 and variance 1, momenta at 0. Neither copyable nor movable: the
/// optimizer holds on to the arena.
struct Moco {
    /// encoder: f_q's and f_k's architecture; K: keys in the queue. `backend` must outlive it.
    Moco(const NetworkConfig& encoder, int64_t K, const SgdOptions& sgd_options, uint64_t seed, Backend& backend);
    Moco(const Moco&) = delete;
    Moco& operator=(const Moco&) = delete;

    /// Shows everything that a checkpoint holds: encoder_q.*, encoder_k.*, queue, queue_ptr, optimizer.*.
    void visit(StateVisitor& visitor);

    Network f_q, f_k;
    ParameterArena f_q_parameters;  // with gradients
    ParameterArena f_k_parameters;  // without: no gradient to keys
    KeyQueue queue;                 // K x C
    Sgd sgd;                        // over f_q's parameters
    DeviceMethodState state;        // m and the queue's pointer, where the kernels read them
    StepClock* clock = nullptr;     // null: nobody wants to know

    /// Tells the clock.
    void enter(StepPhase phase) const {
        if (clock != nullptr) clock->enter(phase);
    }
};

/// Replaces an encoder's gradients by their mean over the ranks.
void average_gradients(ParameterArena& f, Communicator& comm);

/// Replaces the running statistics of a network by their mean over the ranks. Running averages are linear, so doing it
/// once before an evaluation or a checkpoint equals doing it every step.
void average_statistics(const Network& f, Communicator& comm);

}  // namespace moco
