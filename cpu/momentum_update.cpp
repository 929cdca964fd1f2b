// The momentum update of the key encoder (paper, Eqn. 2) over a whole arena.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/momentum_update.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

// As the formula stands, not w_k + (1 - m) * (w_q - w_k): the reference code's rounding, to within a fused product.
void momentum_update(float m, float* w_k, const float* w_q, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto of_q = hn::Mul(hn::Set(d, 1.0f - m), hn::LoadU(d, w_q + i));
        hn::StoreU(hn::MulAdd(hn::Set(d, m), hn::LoadU(d, w_k + i), of_q), d, w_k + i);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(momentum_update);

void CpuBackend::momentum_update(const float* momentum, float* w_k, const float* w_q, int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(momentum_update);
    const float m = *momentum;
    parallel_for(count, element_grain(count), [=](int64_t begin, int64_t end) { kernel(m, w_k, w_q, begin, end); });
}

}  // namespace moco::cpu
#endif
