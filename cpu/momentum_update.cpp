// The momentum update of the key encoder (paper, Eqn. 2) over a whole arena.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::momentum_update(const StepState* state, float* w_k, const float* w_q, int64_t count) {
    const float m = state->m;
    for (int64_t i = 0; i < count; ++i) w_k[i] = m * w_k[i] + (1 - m) * w_q[i];
}

}  // namespace moco::cpu
