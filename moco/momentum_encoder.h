// The momentum encoder (paper, Sec. 3.2, Eqn. 2): the key encoder follows the query encoder slowly.
#pragma once

#include "moco/method_state.h"
#include "nn/parameter_arena.h"

namespace moco {

/// f_k = m f_k + (1 - m) f_q, over the parameters only: f_k keeps running statistics of its own. m is read from `state`
/// on the device. Throws Error if the two encoders differ in size.
void momentum_update(ParameterArena& f_k, const ParameterArena& f_q, const DeviceMethodState& state);

}  // namespace moco
