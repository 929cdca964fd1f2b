// Tiles of a few columns, 17 = 16 + 1 or the 3 colours: a vector of columns would be mostly empty, so vectors run along
// depth, and the lanes are added at the end. B is packed by columns, as deep as A's rows.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_DOT_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_DOT_TILE_INL_H
#undef MOCO_CPU_DOT_TILE_INL_H
#else
#define MOCO_CPU_DOT_TILE_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The most columns of such a tile, half an AVX2 vector. Adding up lanes needs vectors of some length, and rows end
/// with masked loads, which elsewhere than on x86 may read beyond the mask.
inline constexpr int64_t kMaxDots = HWY_ARCH_X86 && kLanes >= 8 ? 4 : 0;

/// The same members as RowTile; segment s multiplies its rows of A with the `depth` floats at b + b_offset[s] / kPanel
/// + column * b_step, so that b_offset is RowTile's.
struct DotTile {
    const float* const* a;
    const int64_t* b_offset;
    int64_t segments;
    int64_t depth;
    const float* b;
    int64_t b_step;
    float* const* c;
    int64_t columns;  // 1..kMaxDots
    Store store;
    int64_t ahead = 0;  // not used: the panels' tiles have read A
};

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void multiply(int64_t, const DotTile&) {}
#else

/// Adds up a vector's blocks of four lanes.
template <class D>
HWY_INLINE hn::Vec<hn::FixedTag<float, 4> > block_sum(D d, hn::Vec<D> v) {
    if constexpr (hn::MaxLanes(d) == 4) {
        return v;
    } else {
        const hn::Half<D> half;
        return block_sum(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    }
}

/// The sums of the lanes of four vectors.
HWY_INLINE hn::Vec<hn::FixedTag<float, 4> > lane_sums(const FloatVector (&v)[4]) {
    const FloatTag d;
    const hn::RepartitionToWide<hn::RebindToUnsigned<FloatTag> > pairs;
    // Within blocks of four lanes: first (v0, v1, v0, v1) and (v2, v3, v2, v3), then (v0, v1, v2, v3).
    const auto v01 =
        hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, v[0], v[1]), hn::InterleaveUpper(d, v[0], v[1])));
    const auto v23 =
        hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, v[2], v[3]), hn::InterleaveUpper(d, v[2], v[3])));
    const auto blocks = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, v01, v23)),
                                hn::BitCast(d, hn::InterleaveUpper(pairs, v01, v23)));
    return block_sum(d, blocks);
}

/// R rows of a tile, from `row` on.
template <int R, int C>
HWY_NOINLINE void dot_tile(const DotTile& t, int64_t rows, int64_t row) {
    const FloatTag d;
    FloatVector sum[R][C];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) sum[i][j] = hn::Zero(d);
    for (int64_t s = 0; s < t.segments; ++s) {
        const float* b = t.b + t.b_offset[s] / kPanel;
        const float* a[R];
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) a[i] = t.a[s * rows + row + i];
        int64_t k = 0;
        for (; k + kLanes <= t.depth; k += kLanes) {
            FloatVector column[C];
#pragma GCC unroll 4
            for (int j = 0; j < C; ++j) column[j] = hn::LoadU(d, b + j * t.b_step + k);
#pragma GCC unroll 16
            for (int i = 0; i < R; ++i) {
                const FloatVector values = hn::LoadU(d, a[i] + k);
#pragma GCC unroll 4
                for (int j = 0; j < C; ++j) sum[i][j] = hn::MulAdd(values, column[j], sum[i][j]);
            }
        }
        if (k == t.depth) continue;
        const auto mask = hn::FirstN(d, static_cast<size_t>(t.depth - k));
        FloatVector column[C];
#pragma GCC unroll 4
        for (int j = 0; j < C; ++j) column[j] = hn::MaskedLoad(mask, d, b + j * t.b_step + k);
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
            const FloatVector values = hn::MaskedLoad(mask, d, a[i] + k);
#pragma GCC unroll 4
            for (int j = 0; j < C; ++j) sum[i][j] = hn::MulAdd(values, column[j], sum[i][j]);
        }
    }
    const hn::FixedTag<float, 4> four;
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
        const FloatVector columns[4] = {sum[i][0], sum[i][C > 1 ? 1 : 0], sum[i][C > 2 ? 2 : 0], sum[i][C > 3 ? 3 : 0]};
        alignas(16) float sums[4];
        hn::Store(lane_sums(columns), four, sums);
        float* c = t.c[row + i];
        for (int j = 0; j < C; ++j) c[j] = t.store == Store::add ? c[j] + sums[j] : sums[j];
    }
}

namespace detail {

using DotKernel = void (*)(const DotTile&, int64_t rows, int64_t row);

/// The most rows whose sums, with C columns and one row, fit the registers.
template <int C>
inline constexpr int64_t kDotRows = std::min<int64_t>(kMaxRows, ((kMaxRows > 8 ? 32 : 16) - C - 1) / C);

template <int C, size_t... R>
constexpr std::array<DotKernel, sizeof...(R)> dot_kernels(std::index_sequence<R...>) {
    return {dot_tile<static_cast<int>(R) + 1, C>...};
}

template <int C>
HWY_INLINE void multiply_dots(int64_t rows, const DotTile& tile) {
    constexpr int64_t kMost = kDotRows<C>;
    static constexpr auto kernels = dot_kernels<C>(std::make_index_sequence<static_cast<size_t>(kMost)>());
    const int64_t tiles = tile_count(rows, kMost);
    for (int64_t i = 0; i < tiles; ++i) {
        const int64_t row = tile_begin(rows, i, kMost);
        kernels[static_cast<size_t>(tile_begin(rows, i + 1, kMost) - row - 1)](tile, rows, row);
    }
}

}  // namespace detail

/// The tile of `rows` rows, 1..kMaxRows.
HWY_INLINE void multiply(int64_t rows, const DotTile& tile) {
    switch (tile.columns) {
        case 1:
            return detail::multiply_dots<1>(rows, tile);
        case 2:
            return detail::multiply_dots<2>(rows, tile);
        case 3:
            return detail::multiply_dots<3>(rows, tile);
        default:
            return detail::multiply_dots<4>(rows, tile);
    }
}
#endif

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
