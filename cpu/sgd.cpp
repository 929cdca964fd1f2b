// The SGD step over a whole arena.
#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/sgd.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

void sgd(const SgdOptions& options, float lr, float* w, const float* dw, float* v, int64_t begin, int64_t end) {
    for_each_vector(begin, end, [=](auto d, int64_t i) HWY_ATTR {
        const auto weight = hn::LoadU(d, w + i);
        const auto gradient = hn::MulAdd(hn::Set(d, options.weight_decay), weight, hn::LoadU(d, dw + i));
        const auto velocity = hn::MulAdd(hn::Set(d, options.momentum), hn::LoadU(d, v + i), gradient);
        hn::StoreU(velocity, d, v + i);
        hn::StoreU(hn::NegMulAdd(hn::Set(d, lr), velocity, weight), d, w + i);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(sgd);

void CpuBackend::sgd_update(const SgdOptions& options, const float* rate, float* w, const float* dw, float* v,
                            int64_t count) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(sgd);
    const float lr = *rate;
    parallel_for(count, element_grain(count),
                 [&](int64_t begin, int64_t end) { kernel(options, lr, w, dw, v, begin, end); });
}

}  // namespace moco::cpu
#endif
