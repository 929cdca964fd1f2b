// Packing for the bf16 micro-kernel: panels of kPanel columns, each depth / 2 x kPanel pairs in memory order.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_PACK_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_PACK_BF16_INL_H
#undef MOCO_CPU_PACK_BF16_INL_H
#else
#define MOCO_CPU_PACK_BF16_INL_H
#endif

#include "core/bf16.h"
#include "cpu/microkernel_bf16-inl.h"
#include "cpu/pack-inl.h"

#if MOCO_BF16_TARGET
HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Rounds the rows of a packed f32 panel and joins each two as pairs; the last of an odd number gets zeros.
HWY_INLINE void pair_panel(const float* panel, int64_t depth, uint32_t* pairs) {
    for (int64_t k = 0; k < depth; k += 2, panel += 2 * kPanel, pairs += kPanel) {
        const bool two = k + 1 < depth;
        for (int64_t j = 0; j < kPanel; ++j) {
            const uint32_t upper = two ? float_to_bf16(panel[kPanel + j]) : 0;
            pairs[j] = upper << 16 | float_to_bf16(panel[j]);
        }
    }
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_BF16_TARGET
#endif  // the toggled include guard
