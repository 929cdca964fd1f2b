// Packing for the micro-kernel. B: panels of kPanel columns, each depth x kPanel floats in memory order, zeros where
// the last panel has no more columns. A, where its rows lie next to each other: depth x kTileStep floats a tile.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_PACK_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_PACK_INL_H
#undef MOCO_CPU_PACK_INL_H
#else
#define MOCO_CPU_PACK_INL_H
#endif

#include <algorithm>

#include "cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE int64_t panel_count(int64_t columns) {
    return (columns + kPanel - 1) / kPanel;
}

/// Whether rows so many floats apart fall into one set of L1, which does not hold them then.
HWY_INLINE bool in_one_set(int64_t step) {
    return step * static_cast<int64_t>(sizeof(float)) % 4096 == 0;
}

/// One panel from B stored depth x columns: `columns` (1..kPanel) of its columns, starting at b.
HWY_INLINE void pack_panel(const float* b, int64_t b_step, int64_t depth, int64_t columns, float* panel) {
    static_assert(kPanel == 2 * kLanes);
    const FloatTag d;
    if (columns == kPanel) {
        for (int64_t k = 0; k < depth; ++k, b += b_step, panel += kPanel) {
            hn::StoreU(hn::LoadU(d, b), d, panel);
            hn::StoreU(hn::LoadU(d, b + kLanes), d, panel + kLanes);
        }
        return;
    }
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR  // elsewhere a masked load may read beyond the mask
    const int64_t lower = std::min(columns, kLanes);
    const auto lower_mask = hn::FirstN(d, static_cast<size_t>(lower)),
               upper_mask = hn::FirstN(d, static_cast<size_t>(columns - lower));
    for (int64_t k = 0; k < depth; ++k, b += b_step, panel += kPanel) {
        hn::StoreU(hn::MaskedLoad(lower_mask, d, b), d, panel);
        hn::StoreU(hn::MaskedLoad(upper_mask, d, b + lower), d, panel + kLanes);
    }
#else
    for (int64_t k = 0; k < depth; ++k, b += b_step, panel += kPanel)
        std::fill(std::copy_n(b, columns, panel), panel + kPanel, 0.0f);
#endif
}

/// Floats between the steps of depth of a packed tile: whole vectors.
inline constexpr int64_t kTileStep = (kMaxRows + kLanes - 1) / kLanes * kLanes;

/// One tile from A stored depth x rows: `rows` (1..kMaxRows) of its rows, starting at a.
HWY_INLINE void pack_rows(const float* a, int64_t a_step, int64_t depth, int64_t rows, float* tile) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR  // elsewhere a masked load may read beyond the mask
    static_assert(kTileStep == kLanes);
    const FloatTag d;
    const auto mask = hn::FirstN(d, static_cast<size_t>(rows));
    for (int64_t k = 0; k < depth; ++k) hn::Store(hn::MaskedLoad(mask, d, a + k * a_step), d, tile + k * kTileStep);
#else
    for (int64_t k = 0; k < depth; ++k) std::copy_n(a + k * a_step, rows, tile + k * kTileStep);
#endif
}

/// Four rows of `from` become four columns of `to`: to[k * kPanel + j] = from[j * step + k] for k < depth, j < 4.
HWY_INLINE void transpose_four(const float* from, int64_t step, int64_t depth, float* to) {
    int64_t k = 0;
#if HWY_TARGET != HWY_SCALAR
    const hn::FixedTag<float, 4> d;
    for (; k + 4 <= depth; k += 4) {
        const auto r0 = hn::LoadU(d, from + k), r1 = hn::LoadU(d, from + step + k),
                   r2 = hn::LoadU(d, from + 2 * step + k), r3 = hn::LoadU(d, from + 3 * step + k);
        const auto lower01 = hn::InterleaveLower(d, r0, r1), lower23 = hn::InterleaveLower(d, r2, r3),
                   upper01 = hn::InterleaveUpper(d, r0, r1), upper23 = hn::InterleaveUpper(d, r2, r3);
        hn::StoreU(hn::ConcatLowerLower(d, lower23, lower01), d, to + k * kPanel);
        hn::StoreU(hn::ConcatUpperUpper(d, lower23, lower01), d, to + (k + 1) * kPanel);
        hn::StoreU(hn::ConcatLowerLower(d, upper23, upper01), d, to + (k + 2) * kPanel);
        hn::StoreU(hn::ConcatUpperUpper(d, upper23, upper01), d, to + (k + 3) * kPanel);
    }
#endif
    for (; k < depth; ++k)
        for (int64_t j = 0; j < 4; ++j) to[k * kPanel + j] = from[j * step + k];
}

/// One panel from B stored columns x depth: `columns` (1..kPanel) of its rows, starting at b.
HWY_INLINE void pack_panel_transposed(const float* b, int64_t b_step, int64_t depth, int64_t columns, float* panel) {
    constexpr int64_t kBlock = 64;  // of depth: source and target stay in L1
    for (int64_t k = 0; k < depth; k += kBlock) {
        const int64_t block = std::min(kBlock, depth - k);
        float* to = panel + k * kPanel;
        int64_t j = 0;
        for (; j + 4 <= columns; j += 4) transpose_four(b + j * b_step + k, b_step, block, to + j);
        for (; j < columns; ++j)
            for (int64_t i = 0; i < block; ++i) to[i * kPanel + j] = b[j * b_step + k + i];
        if (columns == kPanel) continue;
        for (int64_t i = 0; i < block; ++i) std::fill(to + i * kPanel + columns, to + (i + 1) * kPanel, 0.0f);
    }
}

/// to (columns x rows) = from (rows x columns) transposed. Simple: for small matrices.
HWY_INLINE void transpose(const float* from, int64_t rows, int64_t columns, float* to) {
    for (int64_t j = 0; j < columns; ++j)
        for (int64_t i = 0; i < rows; ++i) to[j * rows + i] = from[i * columns + j];
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
