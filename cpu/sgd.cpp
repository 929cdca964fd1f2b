// The SGD step over a whole arena.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::sgd_update(const SgdOptions& options, const StepState* state, float* w, const float* dw, float* v,
                            int64_t count) {
    const float lr = state->lr;
    for (int64_t i = 0; i < count; ++i) {
        v[i] = options.momentum * v[i] + (dw[i] + options.weight_decay * w[i]);
        w[i] -= lr * v[i];
    }
}

}  // namespace moco::cpu
