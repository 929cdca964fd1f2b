// Packing for the bf16 micro-kernel: panels of kPanel columns, each depth / 2 x kPanel pairs in memory order.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_PACK_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_PACK_BF16_INL_H
#undef MOCO_CPU_PACK_BF16_INL_H
#else
#define MOCO_CPU_PACK_BF16_INL_H
#endif

#include "cpu/microkernel_bf16-inl.h"
#include "cpu/pack-inl.h"

#if MOCO_BF16_TARGET
HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Rounds the rows of a packed f32 panel and joins each two as pairs; the last of an odd number gets zeros.
inline HWY_NOINLINE MOCO_BF16_ATTR void pair_panel(const float* panel, int64_t depth, uint32_t* pairs) {
    const auto rounded = [](const float* values) MOCO_BF16_ATTR {
        return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(values))));
    };
    for (int64_t k = 0; k < depth; k += 2, panel += 2 * kPanel, pairs += kPanel)
        for (int64_t j = 0; j < kPanel; j += kLanes) {
            __m512i pair = rounded(panel + j);
            if (k + 1 < depth) pair = _mm512_or_si512(pair, _mm512_slli_epi32(rounded(panel + kPanel + j), 16));
            _mm512_storeu_si512(pairs + j, pair);
        }
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_BF16_TARGET
#endif  // the toggled include guard
