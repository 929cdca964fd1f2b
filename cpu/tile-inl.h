// A tile of C in registers, rows x vectors: how large it may be, how its sums are cleared and added up, and how they
// are written.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_TILE_INL_H
#undef MOCO_CPU_TILE_INL_H
#else
#define MOCO_CPU_TILE_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

/// Floats of a vector, columns of a full panel, and the most rows of a tile.
inline constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
inline constexpr int64_t kPanel = 2 * kLanes;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_ARCH_ARM_A64
inline constexpr int64_t kMaxRows = 14;
#else
inline constexpr int64_t kMaxRows = 6;
#endif
/// Floats of a cache line.
inline constexpr int64_t kFetch = 16;

/// Whether a tile replaces C or adds to it.
enum class Store { replace, add };

/// A tile's sums before the first step.
template <int R, int V>
HWY_INLINE void clear_tile(FloatVector (&sum)[R][V]) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[i][v] = hn::Zero(FloatTag());
}

/// The rows of a result that lie a constant distance apart, one after the other.
struct EvenOutput {
    float* c;
    int64_t step;
    HWY_INLINE float* operator()() {
        float* row = c;
        c += step;
        asm("" : "+r"(c));  // or the compiler finds all addresses first, for which there are no registers
        return row;
    }
};

/// The rows of a result whose addresses lie in memory.
struct ListedOutput {
    float* const* c;
    HWY_INLINE float* operator()() { return *c++; }
};

/// Writes a row of whole vectors.
template <int V>
HWY_INLINE void store_row(const FloatVector (&row)[V], float* c) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) hn::StoreU(row[v], FloatTag(), c + v * kLanes);
}

/// Writes row after row of a tile, `columns` floats of the vectors sum[i], to next_row().
template <int R, int V, class NextRow>
HWY_INLINE void store_tile(const FloatVector (&sum)[R][V], NextRow next_row, int64_t columns, Store store) {
    const FloatTag d;
    if (columns == V * kLanes && store == Store::replace) {
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) store_row(sum[i], next_row());
    } else if (columns == V * kLanes) {
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
            float* c = next_row();
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v, c += kLanes) hn::StoreU(hn::Add(sum[i][v], hn::LoadU(d, c)), d, c);
        }
    } else {
        // The last vector is cut; those before it, if any, are full.
        const auto mask = hn::FirstN(d, static_cast<size_t>(columns - (V - 1) * kLanes));
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
            float* c = next_row();
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v, c += kLanes) {
                const bool full = v < V - 1;
                FloatVector value = sum[i][v];
                if (store == Store::add) value = hn::Add(value, full ? hn::LoadU(d, c) : hn::MaskedLoad(mask, d, c));
                if (full) {
                    hn::StoreU(value, d, c);
                } else {
                    hn::BlendedStore(value, mask, d, c);
                }
            }
        }
    }
}

// Every loop over the accumulators below must be unrolled completely, or the array goes to memory and takes the speed
// with it.
/// sum += the steps [k, end) of depth of row_of(i) and of b, whose next row is returned.
template <int R, int V, class RowOf>
HWY_INLINE const float* add_products(const RowOf& row_of, int64_t k, int64_t end, const float* HWY_RESTRICT b,
                                     int64_t b_step, FloatVector (&sum)[R][V]) {
    const FloatTag d;
    if constexpr (V == 1) {
        // Four steps at once: with one vector of B, the pointers that do not fit the registers would cost as much as
        // the arithmetic.
#pragma GCC unroll 1
        for (; k + 4 <= end; k += 4, b += 4 * b_step) {
            FloatVector row[4];
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) row[j] = hn::LoadU(d, b + j * b_step);
#pragma GCC unroll 16
            for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
                for (int j = 0; j < 4; ++j) sum[i][0] = hn::MulAdd(hn::Set(d, row_of(i)[k + j]), row[j], sum[i][0]);
            }
        }
    }
#pragma GCC unroll 1
    for (; k < end; ++k, b += b_step) {
        FloatVector row[V];
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) row[v] = hn::LoadU(d, b + v * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < R; ++i) {
            const FloatVector scalar = hn::Set(d, row_of(i)[k]);
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(scalar, row[v], sum[i][v]);
        }
    }
    return b;
}

/// The pointers to rows of A that lie a constant distance apart. Where all would not fit the registers, one for every
/// third row: x86 adds once or twice the step while it loads.
template <int R>
struct EvenRows {
    HWY_INLINE EvenRows(const float* a, int64_t distance) : step(distance) {
#pragma GCC unroll 16
        for (int i = 0; i * kEach < R; ++i) first[i] = a + i * kEach * step;
    }
    HWY_INLINE const float* operator()(int i) const {
        return first[i / kEach] + i % kEach * step;
    }

    static constexpr int kEach = R > 6 ? 3 : 1;
    int64_t step;
    const float* first[(R + kEach - 1) / kEach];
};

/// The last steps of a tile that writes many vectors are taken row by row, and each row is written when it is complete.
/// Stores of all rows at once would fill the queues, and the next tile's products wait for them. Twelve vectors, AVX2's
/// largest tile, do not fill them.
template <int V>
inline constexpr int64_t kLastSteps = V == 1 ? 2 : 3;

/// Whether a tile ends like that, after `depth` steps of its last segment. It writes whole vectors then.
template <int R, int V>
HWY_INLINE bool ends_by_rows(int64_t depth, int64_t columns, Store store) {
    return R * V > 12 && depth >= kLastSteps<V> && columns == V * kLanes && store == Store::replace;
}

/// Takes the last steps, of which a_of(i, step) is row i's value of A, and writes each row to next_row().
template <int R, int V, class AOf, class NextRow>
HWY_INLINE void end_by_rows(const AOf& a_of, const float* b, int64_t b_step, FloatVector (&sum)[R][V],
                            NextRow next_row) {
    constexpr int kSteps = static_cast<int>(kLastSteps<V>);
    const FloatTag d;
    FloatVector last[kSteps][V];
#pragma GCC unroll 4
    for (int step = 0; step < kSteps; ++step)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) last[step][v] = hn::LoadU(d, b + step * b_step + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
        for (int step = 0; step < kSteps; ++step) {
            const FloatVector scalar = hn::Set(d, a_of(i, step));
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) sum[i][v] = hn::MulAdd(scalar, last[step][v], sum[i][v]);
        }
        store_row(sum[i], next_row());
    }
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggled include guard
