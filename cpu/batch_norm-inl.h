// How batch normalisation walks over its rows and adds up its partial sums (for its two kernel files, after cpu/simd.h;
// seen again per target).
#if defined(MOCO_CPU_BATCH_NORM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_BATCH_NORM_INL_H
#undef MOCO_CPU_BATCH_NORM_INL_H
#else
#define MOCO_CPU_BATCH_NORM_INL_H
#endif

#include "cpu/batch_norm.h"
#include "cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Vectors of channels that are worked on together, of floats and of sums kept in double: 64 channels with AVX-512, 32
/// with AVX2.
inline constexpr int kFloatVectors = 4, kDoubleVectors = 2 * kFloatVectors;

/// What neighbouring channels have each: their mean, their sum so far.
template <class D, int kUnroll>
struct Channels {
    hn::Vec<D> v[kUnroll];
};

template <class D, int kUnroll, typename T>
HWY_INLINE Channels<D, kUnroll> load_channels(D d, Unroll<kUnroll>, const T* p) {
    Channels<D, kUnroll> channels;
#pragma GCC unroll 16
    for (int u = 0; u < kUnroll; ++u) channels.v[u] = hn::LoadU(d, p + u * static_cast<int64_t>(hn::Lanes(d)));
    return channels;
}

template <class D, int kUnroll, typename T>
HWY_INLINE void store_channels(D d, const Channels<D, kUnroll>& channels, T* p) {
#pragma GCC unroll 16
    for (int u = 0; u < kUnroll; ++u) hn::StoreU(channels.v[u], d, p + u * static_cast<int64_t>(hn::Lanes(d)));
}

/// Neighbouring channels in neighbouring rows: the first element, how many rows, how far apart.
struct Tile {
    int64_t first, rows, width;
};

/// Covers rows x width: calls f(d, unroll, c, tile) for blocks of unroll() vectors of tag d that begin at channel c.
/// All memory is read once and in order, as the prefetchers like it: rows that are one block wide, or one of twice as
/// many vectors, are one tile; of wider ones each is, and what belongs to channels comes from the first cache every
/// time. Lambdas need HWY_ATTR.
template <typename T, int kUnroll, class F>
HWY_INLINE void for_each_tile(int64_t rows, int64_t width, const F& f) {
    constexpr int64_t kBlock = kUnroll * static_cast<int64_t>(HWY_LANES(T));
    if (width == 2 * kBlock) return f(hn::CappedTag<T, HWY_LANES(T)>(), Unroll<2 * kUnroll>(), 0, Tile{0, rows, width});
    const int64_t step = width <= kBlock ? rows : 1;
    for (int64_t begin = 0; begin < rows; begin += step)
        for_each_block<T, kUnroll>(width, [&](auto d, auto unroll, int64_t c) HWY_ATTR {
            f(d, unroll, c, Tile{begin * width + c, step, width});
        });
}

/// Calls f(u, i) for each vector of each row of a tile: it holds the elements from i, of the channels of vector u.
template <class D, int kUnroll, class F>
HWY_INLINE void for_each_row(D d, Unroll<kUnroll>, const Tile& tile, const F& f) {
    int64_t i = tile.first;
    for (int64_t r = 0; r < tile.rows; ++r, i += tile.width) {
#pragma GCC unroll 16
        for (int u = 0; u < kUnroll; ++u) f(u, i + u * static_cast<int64_t>(hn::Lanes(d)));
    }
}

/// Whether the signs of a full vector fill bytes. Only then are they kept, and only of rows that full vectors fill.
inline constexpr bool kWholeBytes = HWY_LANES(float) >= 8;

/// A bit for each lane. Never called for less than eight.
template <class D>
HWY_INLINE void store_signs(D d, hn::Mask<D> positive, uint8_t* signs) {
    if constexpr (hn::MaxLanes(D()) >= 8) hn::StoreMaskBits(d, positive, signs);
}
template <class D>
HWY_INLINE hn::Mask<D> load_signs(D d, const uint8_t* signs) {
    if constexpr (hn::MaxLanes(D()) >= 8) return hn::LoadMaskBits(d, signs);
    return hn::FirstN(d, 0);
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
