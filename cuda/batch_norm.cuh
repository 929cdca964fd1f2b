// What the two halves of batch normalisation share: how activations are cut into blocks, and the walk over them.
//
// Seen from here, the activations are S splits of `rows` rows (positions of samples) of C channels. A block takes some
// neighbouring channels of some neighbouring rows of one split: its threads stand side by side along the channels,
// kWidth of them each, then along the rows. What belongs to a channel stays in registers.
#pragma once

#include "core/dims.h"
#include "core/error.h"
#include "cuda/pack.cuh"

namespace moco::cuda {

inline constexpr int kNormThreads = 256;
inline constexpr int kNormBatch = 4;       // rows a thread loads before it computes, at most
inline constexpr int kNormLeastRows = 16;  // of a thread, where there are rows for it

/// The cut into blocks: a function of the shape alone, so that sums are taken in an order of the shape alone.
struct NormGrid {
    int64_t HW, C, S;
    int64_t rows;        // of a split
    int64_t chunk_rows;  // rows a block takes
    int lanes;           // threads along the channels, a power of 2
    int tiles;           // blocks along the channels
    int chunks;          // blocks along the rows

    /// width: channels of a thread. most_blocks: where more would do, blocks take more rows. Host.
    NormGrid(const BatchNormDims& d, int width, int64_t most_blocks)
        : HW(d.HW), C(d.C), S(d.S), rows(d.samples_per_split() * d.HW), lanes(1) {
        check(rows <= INT32_MAX, "batch norm on the device: a split has {} rows (N {}, H*W {}, S {}), at most {} fit",
              rows, d.N, HW, S, INT32_MAX);
        while (lanes < kWarpSize && lanes * width < C) lanes *= 2;
        tiles = static_cast<int>((C + lanes * width - 1) / (lanes * width));
        const int64_t most_chunks = most_blocks / (tiles * S) > 1 ? most_blocks / (tiles * S) : 1;
        const int64_t batch = int64_t{kNormThreads / lanes} * kNormBatch;
        const int64_t even = (rows + most_chunks - 1) / most_chunks;
        const int64_t least = int64_t{kNormThreads / lanes} * kNormLeastRows;
        chunk_rows = even < least ? least : (even + batch - 1) / batch * batch;
        chunks = static_cast<int>((rows + chunk_rows - 1) / chunk_rows);
    }

    dim3 grid() const {
        return dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(chunks), static_cast<unsigned>(S));
    }
    dim3 block() const { return dim3(static_cast<unsigned>(lanes), static_cast<unsigned>(kNormThreads / lanes)); }
};

/// Which rows and channels a thread takes: rows begin, begin + step, ... before end, of split `split`, and the
/// channels from c (c >= C: none).
struct NormPlace {
    int64_t begin, end, step;
    int64_t c;
    int64_t split;
};

DEVICE NormPlace norm_place(const NormGrid& g, int width) {
    const int64_t first = blockIdx.y * g.chunk_rows;
    const int64_t last = first + g.chunk_rows;
    return {first + threadIdx.y, last < g.rows ? last : g.rows, blockDim.y,
            (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * width, blockIdx.z};
}

/// The index of the first channel of a split's row. Sample n belongs to split n mod S.
DEVICE int64_t norm_row(const NormGrid& g, int64_t split, int64_t row) {
    if (g.S == 1) return row * g.C;
    const int64_t earlier = static_cast<uint32_t>(row) / static_cast<uint32_t>(g.HW);  // samples of the split
    return (split * g.HW + row + earlier * (g.S - 1) * g.HW) * g.C;
}

/// Calls f(i, taken) for each kBatch of a thread's rows: i[u] is the index of the first element of row u < taken.
template <int kBatch, typename F>
DEVICE void for_each_batch(const NormGrid& g, const NormPlace& at, const F& f) {
    for (int64_t row = at.begin; row < at.end; row += kBatch * at.step) {
        int64_t i[kBatch];
        int taken = 0;
        UNROLL
        for (int u = 0; u < kBatch; ++u) {
            const int64_t r = row + u * at.step;
            i[u] = 0;
            if (r < at.end) {
                i[u] = norm_row(g, at.split, r) + at.c;
                taken = u + 1;
            }
        }
        f(i, taken);
    }
}

/// The packs of a batch's rows that begin at `p`; those that are not taken are zero.
template <int kWidth, int kBatch, typename E>
DEVICE void load_batch(const E* p, const int64_t (&i)[kBatch], int taken, Pack<E, kWidth> (&packs)[kBatch]) {
    UNROLL
    for (int u = 0; u < kBatch; ++u) packs[u] = u < taken ? load_pack<kWidth>(p + i[u]) : Pack<E, kWidth>{};
}

/// kWidth floats from p, which need not be aligned.
template <int kWidth>
DEVICE void load_channels(const float* p, float (&channels)[kWidth]) {
    UNROLL
    for (int v = 0; v < kWidth; ++v) channels[v] = p[v];
}

/// Combines, over threadIdx.y (a power of 2), what the threads of the same threadIdx.x hold, kWidth values each; the
/// results are in those of threadIdx.y 0. Always in the same order. Holds barriers: all threads must call. shared: of
/// kWidth values a thread; between two calls in blocks of 2 rows there must be another barrier.
template <int kWidth, typename T, typename Combine>
DEVICE void reduce_over_rows(T (&values)[kWidth], T* shared, const Combine& combine) {
    const unsigned threads = blockDim.x * blockDim.y, me = threadIdx.y * blockDim.x + threadIdx.x;
    for (unsigned half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y >= half && threadIdx.y < 2 * half) {
            UNROLL
            for (int v = 0; v < kWidth; ++v) shared[v * threads + me] = values[v];
        }
        __syncthreads();
        if (threadIdx.y < half) {
            UNROLL
            for (int v = 0; v < kWidth; ++v)
                values[v] = combine(values[v], shared[v * threads + me + half * blockDim.x]);
        }
    }
}

inline constexpr int kFinishRows = 32;  // threads that share the chunks of a channel, at most

/// Blocks that combine the chunks: 32 channels x 8 or kFinishRows threads that share the chunks. Host.
inline unsigned finish_grid(const BatchNormDims& d) {
    return blocks_for(d.C, kWarpSize, INT32_MAX);
}
inline dim3 finish_block(const NormGrid& g) {
    return dim3(kWarpSize, g.chunks > 64 ? kFinishRows : 8);
}

/// Calls f(E{}, integral_constant<int, width>()) with the elements' type and how many of them a thread takes at once.
/// Host.
template <typename F>
void with_norm_elements(const BatchNormDims& d, std::initializer_list<const void*> pointers, const F& f) {
    with_element_type(d.dtype, [&](auto type) {
        using E = decltype(type);
        if (takes_packs<E>(d.C, pointers))
            f(type, std::integral_constant<int, kFullPack<E>>());
        else
            f(type, std::integral_constant<int, 1>());
    });
}

}  // namespace moco::cuda
