// Loops over vectors with any remainder, for kernel files (included by them after cpu/simd.h, seen again per target).
#if defined(MOCO_CPU_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_SIMD_INL_H
#undef MOCO_CPU_SIMD_INL_H
#else
#define MOCO_CPU_SIMD_INL_H
#endif

#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#if HWY_TARGET == HWY_WASM
#include "cpu/wasm_doubles-inl.h"
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <int kCount>
using Unroll = std::integral_constant<int, kCount>;

/// Vectors of floats whose values and parameters fit the registers together: 64 channels with AVX-512, 16 with AVX2.
constexpr int kFloatUnroll = HWY_LANES(float) >= 16 ? 4 : 2;
/// The same for sums kept in double.
constexpr int kDoubleUnroll = 2 * kFloatUnroll;

template <typename T, size_t kLanes, int kUnroll, class F>
HWY_INLINE void blocks_from(int64_t c, int64_t C, const F& f) {
    const hn::CappedTag<T, kLanes> d;
    constexpr int64_t kBlock = kUnroll * static_cast<int64_t>(kLanes);
    for (; c + kBlock <= C; c += kBlock) f(d, Unroll<kUnroll>(), c);
    if constexpr (kUnroll > 1) {
        blocks_from<T, kLanes, 1>(c, C, f);
    } else if constexpr (kLanes > 1) {
        blocks_from<T, kLanes / 2, 1>(c, C, f);
    }
}

/// Covers [0, C): calls f(d, unroll, c) for blocks of unroll() vectors of tag d that begin at c; first blocks of
/// kUnroll full vectors, then single ones, then halves, quarters, ... down to one lane. Lambdas need HWY_ATTR.
template <typename T, int kUnroll, class F>
HWY_INLINE void for_each_block(int64_t C, const F& f) {
    blocks_from<T, HWY_LANES(T), kUnroll>(0, C, f);
}

/// Covers [begin, end): calls f(d, i) for full vectors of floats, then for halves, quarters, ... down to one lane.
template <class F>
HWY_INLINE void for_each_vector(int64_t begin, int64_t end, const F& f) {
    blocks_from<float, HWY_LANES(float), 1>(begin, end, [&](auto d, auto, int64_t i) HWY_ATTR { f(d, i); });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_SIMD_INL_H
