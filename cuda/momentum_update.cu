// The momentum update of the key encoder (paper, Eqn. 2) over a whole arena.
#include "cuda/elementwise.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

// As the formula stands, not w_k + (1 - m) * (w_q - w_k): the reference code's rounding, to within a fused product.
KERNEL(kThreads) follow(const float* momentum, float* w_k, const float* w_q, int64_t count) {
    constexpr int kWidth = kFullPack<float>;
    const float m = *momentum;
    for_each_pack<kWidth>(count, aligned<kWidth>(w_k, w_q), [=](auto width, int64_t i) {
        const auto mixed = [=](float key, float query) { return m * key + (1.0f - m) * query; };
        store_floats(w_k + i, map(mixed, load_floats(width, w_k + i), load_floats(width, w_q + i)));
    });
}

}  // namespace

void KernelBackend::momentum_update(const float* m, float* w_k, const float* w_q, int64_t count) {
    LAUNCH(follow, blocks_for_packs<float>(count), kThreads, 0, stream(), m, w_k, w_q, count);
}

}  // namespace moco::cuda
