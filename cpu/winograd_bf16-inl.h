// How Winograd's transforms touch bf16 images and the values between transform and product: floats, or bf16.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_WINOGRAD_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_BF16_INL_H
#undef MOCO_CPU_WINOGRAD_BF16_INL_H
#else
#define MOCO_CPU_WINOGRAD_BF16_INL_H
#endif

#include "cpu/microkernel_bf16-inl.h"
#include "cpu/winograd_transforms-inl.h"

#if MOCO_BF16_TARGET
HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

// The instruction that rounds belongs to AVX512_BF16, and functions that use it are not inlined into those of plain
// AVX-512. Adding half a unit and taking the upper half rounds to nearest, too, ties away from zero.
HWY_INLINE __m512i rounded_bits(FloatVector value) {
    return _mm512_add_epi32(_mm512_castps_si512(value.raw), _mm512_set1_epi32(0x8000));
}

/// The 16 values rounded to bf16.
HWY_INLINE __m256i to_bf16(FloatVector value) {
    const __m512i odd = _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1, 31, 29, 27, 25, 23,
                                         21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    return _mm512_castsi512_si256(_mm512_permutexvar_epi16(odd, rounded_bits(value)));
}

/// The first `lanes` values of a vector of channels; all of them where that is a constant kLanes.
struct Lanes {
    int64_t lanes;

    HWY_INLINE __mmask16 mask() const { return static_cast<__mmask16>((1u << lanes) - 1); }
    HWY_INLINE FloatVector load(const uint16_t* from) const {
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask(), from));
        return FloatVector{_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
    }
    HWY_INLINE void store(FloatVector value, uint16_t* to) const {
        _mm256_mask_storeu_epi16(to, mask(), to_bf16(value));
    }
};
struct AllLanes {
    static HWY_INLINE FloatVector load(const uint16_t* from) {
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
        return FloatVector{_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
    }
    static HWY_INLINE void store(FloatVector value, uint16_t* to) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), to_bf16(value));
    }
};

/// A transformed value on its way to the product.
HWY_INLINE void store_point(FloatVector value, float* to) {
    hn::StoreU(value, FloatTag(), to);
}
HWY_INLINE void store_point(FloatVector value, uint16_t* to) {
    AllLanes::store(value, to);
}

/// Calls f(channel, access) for every vector of channels.
template <typename F>
HWY_INLINE void for_each_bf16_vector(int64_t channels, const F& f) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) f(c, AllLanes());
    if (c < channels) f(c, Lanes{channels - c});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_BF16_TARGET
#endif  // the toggled include guard
