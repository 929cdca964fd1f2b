// The inner loops of bf16 products: the tiles of microkernel-inl.h with a pair of bf16 where those have a float. One
// step multiplies pairs and adds both products to the f32 sum (vdpbf16ps): twice the multiplications of f32.
//
// Neighbours in depth are pairs. In rows of A they lie together already; B is packed in panels of kPanel pairs, and A
// of a PairColumns tile is stored as pairs, too. Needs a processor with AVX512_BF16 (has_bf16_products()), which
// Highway's targets do not tell apart: the functions that use the instruction have a target of their own.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_MICROKERNEL_BF16_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_MICROKERNEL_BF16_INL_H
#undef MOCO_CPU_MICROKERNEL_BF16_INL_H
#else
#define MOCO_CPU_MICROKERNEL_BF16_INL_H
#endif

#include "cpu/microkernel-inl.h"

/// Whether this target is one whose processors may have AVX512_BF16.
#undef MOCO_BF16_TARGET
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
#define MOCO_BF16_TARGET 1
#include <immintrin.h>
#else
#define MOCO_BF16_TARGET 0
#endif

#if MOCO_BF16_TARGET
// The whole target once more: to clang this attribute replaces the one of HWY_BEFORE_NAMESPACE.
#define MOCO_BF16_ATTR __attribute__((target(HWY_TARGET_STR ",avx512bf16")))

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// As RowTile: segment s multiplies `depth` bf16 (an even number) at each of its rows of A with depth / 2 rows of
/// kPanel pairs. Offsets and distances are in bf16. C is bf16 or float.
template <typename C>
struct PairRowsTo {
    const uint16_t* const* a;
    const int64_t* b_offset;
    int64_t segments;
    int64_t depth;
    const uint16_t* b;
    int64_t b_step;  // kPanel: of one bf16 of depth
    C* const* c;
    int64_t columns;
    Store store;  // replace: a sum is rounded once
    int64_t ahead = 0;
};
using PairRows = PairRowsTo<uint16_t>;

/// As ColumnTile, with distances in pairs. C is f32.
struct PairColumns {
    const uint32_t* const* a;
    const uint32_t* const* b;
    const int64_t* depth;  // in pairs
    int64_t segments;
    int64_t a_step, b_step;
    float* c;
    int64_t c_step;
    int64_t columns;
    Store store;
};

namespace detail {

HWY_INLINE MOCO_BF16_ATTR __m512bh broadcast_pair(const void* pair) {
    int32_t bits;
    __builtin_memcpy(&bits, pair, sizeof(bits));
    return reinterpret_cast<__m512bh>(_mm512_set1_epi32(bits));
}

HWY_INLINE MOCO_BF16_ATTR __m512bh load_pairs(const void* pairs) {
    return reinterpret_cast<__m512bh>(_mm512_loadu_si512(pairs));
}

/// Adds segments of `depth` pairs of rows a[0 .. R - 1] times rows of V * kLanes pairs at b, b_step pairs apart.
template <int R, int V>
HWY_INLINE MOCO_BF16_ATTR void add_pairs(const uint16_t* const* a, const uint32_t* HWY_RESTRICT b, int64_t b_step,
                                         int64_t depth, __m512 (&sum)[R][V]) {
#pragma GCC unroll 1
    for (int64_t k = 0; k < depth; ++k, b += b_step) {
        __m512bh row[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) row[v] = load_pairs(b + v * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
            const __m512bh pair = broadcast_pair(a[i] + 2 * k);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], pair, row[v]);
        }
    }
}

/// Writes the first `columns` values of a row, rounded.
template <int V>
HWY_INLINE MOCO_BF16_ATTR void store_row(const __m512 (&sum)[V], int64_t columns, uint16_t* c) {
    const __mmask32 mask = columns == 32 ? ~__mmask32{0} : (__mmask32{1} << columns) - 1;
    if constexpr (V == 2) {
        _mm512_mask_storeu_epi16(c, mask, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(sum[1], sum[0])));
    } else {
        const auto one = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sum[0]));
        _mm256_mask_storeu_epi16(c, static_cast<__mmask16>(mask), one);
    }
}

/// The same as floats, of which there must be whole vectors.
template <int V>
HWY_INLINE MOCO_BF16_ATTR void store_row(const __m512 (&sum)[V], int64_t, float* c) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(c + v * kLanes, sum[v]);
}

template <int R, int V, typename C>
HWY_NOINLINE MOCO_BF16_ATTR void pair_rows(const PairRowsTo<C>& t) {
    __m512 sum[R][V];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[i][v] = _mm512_setzero_ps();
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) __builtin_prefetch(t.c[i], 1, 3);
    const uint16_t* const* rows = t.a;
    for (int64_t s = 0; s < t.segments; ++s, rows += R) {
        const uint16_t* a[R];
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) a[i] = rows[i];
        constexpr int64_t kLine = 32;  // bf16 of a cache line
        for (int64_t k = 0; k < t.depth; k += kLine) {
            if (t.ahead != 0) {
#pragma GCC unroll 16
                for (int i = 0; i < R; ++i) __builtin_prefetch(a[i] + t.ahead, 0, 3);
            }
            add_pairs<R, V>(a, reinterpret_cast<const uint32_t*>(t.b + t.b_offset[s] + k * kPanel), kPanel,
                            HWY_MIN(kLine, t.depth - k) / 2, sum);
#pragma GCC unroll 16
            for (int i = 0; i < R; ++i) a[i] += kLine;
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) store_row<V>(sum[i], t.columns, t.c[i]);
}

template <int R, int V>
HWY_NOINLINE MOCO_BF16_ATTR void pair_columns(const PairColumns& t) {
    __m512 sum[R][V];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[i][v] = _mm512_setzero_ps();
    const int64_t a_step = t.a_step, b_step = t.b_step;
    for (int64_t s = 0; s < t.segments; ++s) {
        const uint32_t* HWY_RESTRICT a = t.a[s];
        const uint32_t* HWY_RESTRICT b = t.b[s];
#pragma GCC unroll 1
        for (int64_t k = t.depth[s]; k > 0; --k, a += a_step, b += b_step) {
            __m512bh row[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) row[v] = load_pairs(b + v * kLanes);
#pragma GCC unroll 16
            for (int i = 0; i < R; ++i) {
                const __m512bh pair = broadcast_pair(a + i);
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], pair, row[v]);
            }
        }
    }
    FloatVector result[R][V];
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) result[i][v] = FloatVector{sum[i][v]};
    store_tile<R, V>(result, EvenOutput{t.c, t.c_step}, t.columns, t.store);
}

template <typename C>
using PairRowKernel = void (*)(const PairRowsTo<C>&);
using PairColumnKernel = void (*)(const PairColumns&);

template <typename C, int V, size_t... R>
constexpr std::array<PairRowKernel<C>, sizeof...(R)> pair_row_kernels(std::index_sequence<R...>) {
    return {pair_rows<static_cast<int>(R) + 1, V, C>...};
}
template <int V, size_t... R>
constexpr std::array<PairColumnKernel, sizeof...(R)> pair_column_kernels(std::index_sequence<R...>) {
    return {pair_columns<static_cast<int>(R) + 1, V>...};
}

}  // namespace detail

/// The tile of `rows` rows, 1..kMaxRows. A tile of at most kLanes columns reads only the first vector of B's rows; of
/// floats, only whole vectors are written.
template <typename C>
HWY_INLINE void multiply(int64_t rows, const PairRowsTo<C>& tile) {
    static constexpr auto wide = detail::pair_row_kernels<C, 2>(detail::AllRows());
    static constexpr auto narrow = detail::pair_row_kernels<C, 1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

HWY_INLINE void multiply(int64_t rows, const PairColumns& tile) {
    static constexpr auto wide = detail::pair_column_kernels<2>(detail::AllRows());
    static constexpr auto narrow = detail::pair_column_kernels<1>(detail::AllRows());
    (tile.columns > kLanes ? wide : narrow)[static_cast<size_t>(rows - 1)](tile);
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_BF16_TARGET
#endif  // the toggled include guard
