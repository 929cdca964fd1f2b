// The exponential the losses use (for kernel files, after cpu/simd.h; seen again per target).
#if defined(MOCO_CPU_EXP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_EXP_INL_H
#undef MOCO_CPU_EXP_INL_H
#else
#define MOCO_CPU_EXP_INL_H
#endif

#include "cpu/simd-inl.h"
// (after simd-inl.h)
#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// exp(x), about 1 ulp; 0 below -104. Highway's own gives 0 for a NaN, which would hide a diverged run from the loss.
template <class D>
HWY_INLINE hn::Vec<D> exp_or_nan(D d, hn::Vec<D> x) {
    return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_EXP_INL_H
