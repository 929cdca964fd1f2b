// Adding up the partial sums of batch normalisation (for its two kernel files, after cpu/simd.h; seen again per
// target).
#if defined(MOCO_CPU_BATCH_NORM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_BATCH_NORM_INL_H
#undef MOCO_CPU_BATCH_NORM_INL_H
#else
#define MOCO_CPU_BATCH_NORM_INL_H
#endif

#include "cpu/batch_norm.h"
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Rows that a kernel takes at a time, block of channels by block. Few: all of a tile's memory is then read once and
/// nearly in order, as the prefetchers like it. A row that is one block wide needs no tiles.
HWY_INLINE int64_t tile_rows(int64_t rows, int64_t width) {
    return width <= kFloatUnroll * static_cast<int64_t>(HWY_LANES(float)) ? rows : 8;
}

/// The split's total of sum `which` (0 or 1) of the channels from c: its units in order, and within each the
/// repetitions of a channel in a folded row.
template <class D>
HWY_INLINE hn::Vec<D> total_of_units(D d, const UnitSums& sums, int64_t which, int64_t c) {
    auto total = hn::Zero(d);
    const double* partial = sums.partials + which * sums.width + c;
    for (int64_t unit = 0; unit < sums.parts; ++unit, partial += sums.step) {
        for (int64_t i = 0; i < sums.width; i += sums.C) total = hn::Add(total, hn::LoadU(d, partial + i));
    }
    return total;
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_BATCH_NORM_INL_H
