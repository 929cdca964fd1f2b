// One call over one buffer: all parameters of an encoder lie in its arena.
#include "moco/momentum_encoder.h"

#include "core/backend.h"

namespace moco {

void momentum_update(ParameterArena& f_k, const ParameterArena& f_q, const DeviceMethodState& state) {
    check(f_k.count() == f_q.count(), "momentum_update: f_k has {} parameters, f_q has {}; they must be alike",
          f_k.count(), f_q.count());
    f_k.values().backend().momentum_update(&state.data()->m, f_k.values().mutable_data(), f_q.values().data(),
                                           f_k.count());
    f_k.bump_versions();
}

}  // namespace moco
