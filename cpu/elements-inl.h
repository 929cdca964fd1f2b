// Activations of either type as vectors of f32 (for kernel files, after cpu/simd.h; seen again per target).
//
// A kernel over activations is one template over the type E of its elements, float or uint16_t (bf16). It computes in
// f32; only what it loads and stores differs.
#if defined(MOCO_CPU_ELEMENTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_ELEMENTS_INL_H
#undef MOCO_CPU_ELEMENTS_INL_H
#else
#define MOCO_CPU_ELEMENTS_INL_H
#endif

#include "cpu/elements.h"
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> load_elements(D d, const float* p) {
    return hn::LoadU(d, p);
}

template <class D>
HWY_INLINE void store_elements(D d, hn::Vec<D> v, float* p) {
    hn::StoreU(v, d, p);
}

/// A bf16 is the upper half of an f32.
template <class D>
HWY_INLINE hn::Vec<D> load_elements(D d, const uint16_t* p) {
    const hn::RebindToUnsigned<D> bits;
    const hn::Rebind<uint16_t, D> upper;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, hn::LoadU(upper, p))));
}

/// Rounded to the nearest, ties to even: adding just below half of the last place carries into it where it should.
/// A carry takes the largest values to infinity, as it must, but would do so to a NaN as well. Not the processor's own
/// conversion, which makes denormal values 0.
template <class D>
HWY_INLINE void store_elements(D, hn::Vec<D> v, uint16_t* p) {
    const hn::RebindToUnsigned<D> bits;
    const hn::RebindToSigned<D> narrowing;  // Highway narrows from signed only
    const hn::Rebind<uint16_t, D> upper;
    const auto b = hn::BitCast(bits, v);
    const auto even = hn::And(hn::ShiftRight<16>(b), hn::Set(bits, 1));
    const auto rounded = hn::Add(b, hn::Add(even, hn::Set(bits, 0x7FFF)));
    const auto quiet = hn::Or(b, hn::Set(bits, 0x400000));
    const auto result = hn::IfThenElse(hn::RebindMask(bits, hn::IsNaN(v)), quiet, rounded);
    hn::StoreU(hn::DemoteTo(upper, hn::BitCast(narrowing, hn::ShiftRight<16>(result))), upper, p);
}

/// Calls f with a value of the elements' type: float or uint16_t. It must not contain vector code itself.
template <class F>
HWY_INLINE void with_element_type(DType dtype, const F& f) {
    dtype == DType::bf16 ? f(uint16_t()) : f(float());
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_ELEMENTS_INL_H
