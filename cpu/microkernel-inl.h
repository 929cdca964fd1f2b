// The inner loops of every matrix product and convolution: one tile of C, held in registers, updated by rank-1 steps
//     C (rows x columns) += A (rows x depth) * B (depth x columns).
//
// A step loads the vectors of one row of B and broadcasts one element of A for each row of C, so A is never packed:
// its rows may lie anywhere (row_tile: a pointer each, contiguous along depth) or be the contiguous dimension of
// memory (column_tile: A stored depth x rows). B is packed in panels of kPanel columns (pack-inl.h), or is any memory
// whose rows hold a panel's columns. On AVX-512 a tile is 14 x 32: 28 accumulators, two vectors of B, one broadcast, of
// 32 registers. Each element is summed in order of depth with one fused multiply-add a step, whatever the tile's
// height: how a caller cuts its rows does not change a bit of the result.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_MICROKERNEL_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_MICROKERNEL_INL_H
#undef MOCO_CPU_MICROKERNEL_INL_H
#else
#define MOCO_CPU_MICROKERNEL_INL_H
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "cpu/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// A tile whose A is given by rows. Depth is cut in segments (the taps of a convolution): segment s multiplies the
/// `depth` floats at each of a[s * rows + 0 .. rows - 1] with `depth` rows of B at b + b_offset[s]. No segments: C = 0.
struct RowTile {
    const float* const* a;
    const int64_t* b_offset;
    int64_t segments;
    int64_t depth;
    const float* b;   // rows of kPanel floats, b_step apart
    int64_t b_step;   // kPanel in a packed panel
    float* const* c;  // `rows` pointers
    int64_t columns;  // 1..kPanel of C that exist
    Store store;
    int64_t ahead = 0;  // if not 0, memory that far from A (in floats) is fetched meanwhile, for the tile that reads it
};

/// The simplest tile: one segment, rows of A and C at a constant distance, B a packed panel.
struct StridedTile {
    const float* a;
    int64_t a_step;
    const float* b;
    int64_t depth;
    float* c;
    int64_t c_step;
    int64_t columns;
    Store store;
};

/// Between the two: rows of A and C at a constant distance as in StridedTile, several segments as in RowTile. Row i of
/// segment s begins at a[s] + a_offset + i * a_step.
struct LineTile {
    const float* const* a;
    int64_t a_offset, a_step;
    const int64_t* b_offset;
    int64_t segments;
    int64_t depth;
    const float* b;
    float* c;
    int64_t c_step;
    int64_t columns;
    Store store;
};

/// A tile whose A is stored depth x rows: segment s multiplies a[s][k * a_step + i] with the row b[s] + k * b_step, for
/// k < depth[s].
struct ColumnTile {
    const float* const* a;
    const float* const* b;
    const int64_t* depth;
    int64_t segments;
    int64_t a_step, b_step;
    float* c;
    int64_t c_step;
    int64_t columns;
    Store store;
};

template <int R, int V>
HWY_NOINLINE void row_tile(const RowTile& t) {
    FloatVector sum[R][V];
    clear_tile<R, V>(sum);
    // C is written at the end, from memory perhaps; asked for now, it is there by then.
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) __builtin_prefetch(t.c[i] + v * kLanes, 1, 3);
    const float* const* rows = t.a;
    const int64_t b_step = t.b_step;
    const bool by_rows = t.segments > 0 && ends_by_rows<R, V>(t.depth, t.columns, t.store);
    const ListedOutput next_row{t.c};
    int64_t depth = t.depth;
    const float* HWY_RESTRICT b = t.b;
    for (int64_t s = 0; s < t.segments; ++s, rows += R) {
        b = t.b + t.b_offset[s];
        const float* a[R];
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) a[i] = rows[i];
        if (by_rows && s + 1 == t.segments) depth -= kLastSteps<V>;
        for (int64_t k = 0; k < depth;) {
            const int64_t end = HWY_MIN(k + kFetch, depth);
            if (t.ahead != 0) {
#pragma GCC unroll 16
                for (int i = 0; i < R; ++i) __builtin_prefetch(a[i] + k + t.ahead, 0, 3);
            }
            b = add_products<R, V>([&](int i) HWY_ATTR { return a[i]; }, k, end, b, b_step, sum);
            k = end;
        }
    }
    if (!by_rows) return store_tile<R, V>(sum, next_row, t.columns, t.store);
    end_by_rows<R, V>([&](int i, int step) HWY_ATTR { return (rows - R)[i][depth + step]; }, b, b_step, sum, next_row);
}

template <int R, int V>
HWY_NOINLINE void strided_tile(const StridedTile& t) {
    FloatVector sum[R][V];
    clear_tile<R, V>(sum);
    const EvenRows<R> a(t.a, t.a_step);
    const EvenOutput next_row{t.c, t.c_step};
    const bool by_rows = ends_by_rows<R, V>(t.depth, t.columns, t.store);
    const int64_t depth = t.depth - (by_rows ? kLastSteps<V> : 0);
    const float* b = add_products<R, V>(a, 0, depth, t.b, kPanel, sum);
    if (!by_rows) return store_tile<R, V>(sum, next_row, t.columns, t.store);
    end_by_rows<R, V>([&](int i, int step) HWY_ATTR { return a(i)[depth + step]; }, b, kPanel, sum, next_row);
}

template <int R, int V>
HWY_NOINLINE void line_tile(const LineTile& t) {
    FloatVector sum[R][V];
    clear_tile<R, V>(sum);
    const EvenOutput next_row{t.c, t.c_step};
    const bool by_rows = t.segments > 0 && ends_by_rows<R, V>(t.depth, t.columns, t.store);
    const int64_t whole = t.segments - (by_rows ? 1 : 0);
    for (int64_t s = 0; s < whole; ++s)
        add_products<R, V>(EvenRows<R>(t.a[s] + t.a_offset, t.a_step), 0, t.depth, t.b + t.b_offset[s], kPanel, sum);
    if (!by_rows) return store_tile<R, V>(sum, next_row, t.columns, t.store);
    const EvenRows<R> a(t.a[whole] + t.a_offset, t.a_step);
    const int64_t depth = t.depth - kLastSteps<V>;
    const float* b = add_products<R, V>(a, 0, depth, t.b + t.b_offset[whole], kPanel, sum);
    end_by_rows<R, V>([&](int i, int step) HWY_ATTR { return a(i)[depth + step]; }, b, kPanel, sum, next_row);
}

template <int R, int V>
HWY_NOINLINE void column_tile(const ColumnTile& t) {
    const FloatTag d;
    FloatVector sum[R][V];
    clear_tile<R, V>(sum);
    const int64_t a_step = t.a_step, b_step = t.b_step;
    const EvenOutput next_row{t.c, t.c_step};
    const bool by_rows = t.segments > 0 && ends_by_rows<R, V>(t.depth[t.segments - 1], t.columns, t.store);
    const int64_t last = by_rows ? t.segments - 1 : -1;  // the segment that ends so
    for (int64_t s = 0; s < t.segments; ++s) {
        const float* HWY_RESTRICT a = t.a[s];
        const float* HWY_RESTRICT b = t.b[s];
#pragma GCC unroll 1
        for (int64_t k = t.depth[s] - (s == last ? kLastSteps<V> : 0); k > 0; --k, a += a_step, b += b_step) {
            FloatVector row[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 16
            for (int i = 0; i < R; ++i) {
                const FloatVector scalar = hn::Set(d, a[i]);
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(scalar, row[v], sum[i][v]);
            }
        }
    }
    if (!by_rows) return store_tile<R, V>(sum, next_row, t.columns, t.store);
    const int64_t depth = t.depth[last] - kLastSteps<V>;
    const float* a = t.a[last] + depth * a_step;
    end_by_rows<R, V>([&](int i, int step) HWY_ATTR { return a[step * a_step + i]; }, t.b[last] + depth * b_step,
                      b_step, sum, next_row);
}

namespace detail {

using RowKernel = void (*)(const RowTile&);
using StridedKernel = void (*)(const StridedTile&);
using LineKernel = void (*)(const LineTile&);
using ColumnKernel = void (*)(const ColumnTile&);

template <int V, size_t... R>
constexpr std::array<RowKernel, sizeof...(R)> row_kernels(std::index_sequence<R...>) {
    return {row_tile<static_cast<int>(R) + 1, V>...};
}
template <int V, size_t... R>
constexpr std::array<StridedKernel, sizeof...(R)> strided_kernels(std::index_sequence<R...>) {
    return {strided_tile<static_cast<int>(R) + 1, V>...};
}
template <int V, size_t... R>
constexpr std::array<LineKernel, sizeof...(R)> line_kernels(std::index_sequence<R...>) {
    return {line_tile<static_cast<int>(R) + 1, V>...};
}
template <int V, size_t... R>
constexpr std::array<ColumnKernel, sizeof...(R)> column_kernels(std::index_sequence<R...>) {
    return {column_tile<static_cast<int>(R) + 1, V>...};
}

using AllRows = std::make_index_sequence<static_cast<size_t>(kMaxRows)>;

}  // namespace detail

/// The tile of `rows` rows, 1..kMaxRows. A tile of at most kLanes columns reads only the first vector of B's rows.
HWY_INLINE void multiply(int64_t rows, const RowTile& tile) {
    static constexpr auto wide = detail::row_kernels<2>(detail::AllRows());
    static constexpr auto narrow = detail::row_kernels<1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

HWY_INLINE void multiply(int64_t rows, const StridedTile& tile) {
    static constexpr auto wide = detail::strided_kernels<2>(detail::AllRows());
    static constexpr auto narrow = detail::strided_kernels<1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

HWY_INLINE void multiply(int64_t rows, const LineTile& tile) {
    static constexpr auto wide = detail::line_kernels<2>(detail::AllRows());
    static constexpr auto narrow = detail::line_kernels<1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

HWY_INLINE void multiply(int64_t rows, const ColumnTile& tile) {
    static constexpr auto wide = detail::column_kernels<2>(detail::AllRows());
    static constexpr auto narrow = detail::column_kernels<1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

/// Of tiles of up to six rows, those of six are the fastest: with fewer sums the next one waits for the last. All tiles
/// but the last few have six then, and these, where possible, at least four. Of taller ones, heights that differ by at
/// most one are as good.
inline constexpr int64_t kLeastHeight = kMaxRows == 6 ? 4 : 0;

/// The channels that are stored together where they are rows of tiles: whole tiles and whole vectors.
inline constexpr int64_t kRowPanel = kMaxRows == 6 && 24 % kLanes == 0 ? 24 : kPanel;

/// Where tile i of `count` begins.
template <typename Int>
HWY_INLINE Int tile_begin_of(Int rows, Int i, Int count, Int most) {
    if (kLeastHeight == 0 || most < kMaxRows) return rows * i / count;
    return std::clamp<Int>(rows - (count - i) * static_cast<Int>(kLeastHeight), 0, i * most);
}

/// How many tiles of at most `most` rows `rows` rows are cut into, and where tile i begins.
HWY_INLINE int64_t tile_count(int64_t rows, int64_t most = kMaxRows) {
    return (rows + most - 1) / most;
}
HWY_INLINE int64_t tile_begin(int64_t rows, int64_t i, int64_t most = kMaxRows) {
    return tile_begin_of(rows, i, tile_count(rows, most), most);
}

/// The product of any number of rows, cut likewise; after_each() is called after each tile.
template <typename AfterEach>
HWY_INLINE void multiply_rows(int64_t rows, StridedTile tile, const AfterEach& after_each) {
    // Few rows and short products: a division would be seen.
    if (rows > 0 && rows <= kMaxRows) {
        multiply(rows, tile);
        after_each();
        return;
    }
    auto left = static_cast<int32_t>(rows);
    for (auto tiles = static_cast<int32_t>(tile_count(rows)); tiles > 0; --tiles) {
        const int32_t height = tile_begin_of(left, 1, tiles, static_cast<int32_t>(kMaxRows));
        multiply(height, tile);
        tile.a += height * tile.a_step;
        tile.c += height * tile.c_step;
        left -= height;
        after_each();
    }
}
HWY_INLINE void multiply_rows(int64_t rows, const StridedTile& tile) {
    multiply_rows(rows, tile, [] {});
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
