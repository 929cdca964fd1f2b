// The dot product of two vectors in memory (for kernel files, after cpu/simd.h; seen again per target).
#if defined(MOCO_CPU_DOT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_DOT_INL_H
#undef MOCO_CPU_DOT_INL_H
#else
#define MOCO_CPU_DOT_INL_H
#endif

#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Sum over i in [0, count) of a[i] * b[i]: products in f32 lanes, joined in double every few hundred elements, so that
/// the error does not grow with the length.
HWY_INLINE float dot(const float* a, const float* b, int64_t count) {
    const hn::ScalableTag<float> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    double total = 0;
    int64_t i = 0;
    while (i + lanes <= count) {
        const int64_t end = std::min(count, i + 32 * lanes);
        auto even = hn::Zero(d), odd = even;
        for (; i + 2 * lanes <= end; i += 2 * lanes) {
            even = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), even);
            odd = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), odd);
        }
        if (i + lanes <= end) {
            even = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), even);
            i += lanes;
        }
        total += hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
    }
    for (; i < count; ++i) total += static_cast<double>(a[i]) * b[i];
    return static_cast<float>(total);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_DOT_INL_H
