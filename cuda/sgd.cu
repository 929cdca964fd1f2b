// The SGD step over a whole arena.
#include "cuda/elementwise.cuh"
#include "cuda/kernel_backend.h"

namespace moco::cuda {
namespace {

KERNEL(kThreads) sgd(SgdOptions options, const float* rate, float* w, const float* dw, float* v, int64_t count) {
    constexpr int kWidth = kFullPack<float>;
    const float lr = *rate;
    for_each_pack<kWidth>(count, aligned<kWidth>(w, dw, v), [=](auto width, int64_t i) {
        const auto weights = load_floats(width, w + i);
        const auto velocities = map(
            [=](float weight, float gradient, float velocity) {
                return options.momentum * velocity + (gradient + options.weight_decay * weight);
            },
            weights, load_floats(width, dw + i), load_floats(width, v + i));
        store_floats(v + i, velocities);
        store_floats(w + i,
                     map([=](float weight, float velocity) { return weight - lr * velocity; }, weights, velocities));
    });
}

}  // namespace

void KernelBackend::sgd_update(const SgdOptions& options, const float* lr, float* w, const float* dw, float* v,
                               int64_t count) {
    LAUNCH(sgd, blocks_for_packs<float>(count), kThreads, 0, stream(), options, lr, w, dw, v, count);
}

}  // namespace moco::cuda
