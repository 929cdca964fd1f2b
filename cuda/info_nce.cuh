// What the two halves of the fused InfoNCE share: the cut into blocks, and a tile of logits.
//
// A block of 128 threads takes some queries and a slice of the queue, tile by tile of 128 keys. Its threads stand in 8
// rows along the queries and 16 columns along the keys; a thread has kQ queries (4 or 8) and 8 keys, columns 4x..4x+3
// and 64+4x..64+4x+3 of the tile: 16-byte reads of shared memory by neighbouring threads then lie side by side. The
// products of a logit are added in the order of the channels, as those of the positives are (info_nce.cu): a key that
// is also in the queue gives the same bits, and so a tie.
#pragma once

#include "core/dims.h"
#include "cuda/log_sum.cuh"
#include "cuda/pack.cuh"

namespace moco::cuda {

inline constexpr int kNceThreads = 128;
inline constexpr int kKeyThreads = 16;   // side by side along the keys
inline constexpr int kQueryThreads = 8;  // along the queries
inline constexpr int kTileKeys = 128;
inline constexpr int kThreadKeys = kTileKeys / kKeyThreads;
inline constexpr int kDepth = 16;               // channels in shared memory at a time
inline constexpr int64_t kNceMostBlocks = 512;  // about what fills a large GPU once; also bounds the partial results

/// Four neighbouring values in shared memory. Rows of them have one more than they need, against bank conflicts.
using Four = Pack<float, 4>;
template <int kQ>
inline constexpr int kQueryFours = kQueryThreads* kQ / 4 + 1;
inline constexpr int kKeyFours = kTileKeys / 4 + 1;

/// How queries and queue are cut: a function of the sizes alone.
struct NceCut {
    int64_t N, K;
    int C;
    float inverse_T;
    int64_t query_tiles;
    int64_t slice_keys;  // keys of a slice, whole tiles
    int64_t slices;

    /// queries: of a block. Host.
    NceCut(const InfoNceDims& d, int queries)

        : N(d.N), K(d.K), C(static_cast<int>(d.C)), inverse_T(1 / d.T), query_tiles((d.N + queries - 1) / queries) {
        const int64_t tiles = (K + kTileKeys - 1) / kTileKeys;
        const int64_t most = kNceMostBlocks / query_tiles > 1 ? kNceMostBlocks / query_tiles : 1;
        const int64_t slice_tiles = (tiles + most - 1) / most;
        slice_keys = slice_tiles * kTileKeys;
        slices = (tiles + slice_tiles - 1) / slice_tiles;
    }
};

/// Calls f(queries of a thread, whether rows of q and queue can be read in packs), both as integral_constants. Few
/// queries take the narrow block. Host.
template <typename F>
void with_nce_kernel(const InfoNceDims& d, const float* q, const float* queue, const F& f) {
    const auto choose = [&](auto queries) {
        if (takes_packs<float>(d.C, {q, queue}))
            f(queries, std::true_type());
        else
            f(queries, std::false_type());
    };
    if (d.N <= 4 * kQueryThreads)
        choose(std::integral_constant<int, 4>());
    else
        choose(std::integral_constant<int, 8>());
}

/// Rows [first, first + kRows) of x (rows x C), channels [c, c + kDepth), channel by channel into `tile`; zeros beyond
/// the ends.
template <int kRows, bool kPacks, int kFours>
DEVICE void load_channels_first(const float* x, int64_t first, int64_t rows, int c, int C,
                                Four (&tile)[kDepth][kFours]) {
    constexpr int kWidth = kPacks ? 4 : 1, kAcross = kDepth / kWidth, kDown = kNceThreads / kAcross;
    const int depth = static_cast<int>(threadIdx.x) % kAcross * kWidth;
    const int most = rows - first < kRows ? static_cast<int>(rows - first) : kRows;
    x += first * C;
    UNROLL_BY(4)
    for (int row = static_cast<int>(threadIdx.x) / kAcross; row < kRows; row += kDown) {
        Pack<float, kWidth> values = {};
        if (row < most && c + depth < C) values = load_pack<kWidth>(x + (row * C + c + depth));
        UNROLL
        for (int u = 0; u < kWidth; ++u) tile[depth + u][row / 4].element[row % 4] = values.element[u];
    }
}

/// sum += left (a row's queries) times right (a row's keys or columns): one step of a product's depth.
template <int kQ>
DEVICE void add_outer_product(const Four* left, const Four* right, float (&sum)[kQ][kThreadKeys]) {
    float a[kQ], b[kThreadKeys];
    UNROLL
    for (int i = 0; i < kQ; ++i) a[i] = left[i / 4].element[i % 4];
    UNROLL
    for (int j = 0; j < kThreadKeys; ++j) b[j] = right[j / 4 * kKeyThreads].element[j % 4];
    UNROLL
    for (int i = 0; i < kQ; ++i) {
        UNROLL
        for (int j = 0; j < kThreadKeys; ++j) sum[i][j] += a[i] * b[j];
    }
}

/// Where a thread stands in its block.
struct NcePlace {
    int x, y;             // along the keys, along the queries
    int64_t first_query;  // of the block
    int64_t query;        // the thread's first
};

template <int kQ>
DEVICE NcePlace nce_place() {
    const int x = static_cast<int>(threadIdx.x) % kKeyThreads, y = static_cast<int>(threadIdx.x) / kKeyThreads;
    const int64_t first = int64_t{blockIdx.x} * kQueryThreads * kQ;
    return {x, y, first, first + y * kQ};
}

/// Position in the tile of a thread's key j; of its column j likewise.
DEVICE int key_in_tile(int x, int j) {
    return j / 4 * (kTileKeys / 2) + 4 * x + j % 4;
}

/// The thread's logits of the tile of keys that begins at `first_key`; -infinity beyond the last key. Holds barriers,
/// one of them behind the last use of the shared tiles: all threads must call.
template <int kQ, bool kPacks>
DEVICE void logits_of_tile(const NceCut& cut, const NcePlace& at, const float* q, const float* queue, int64_t first_key,
                           Four (&q_tile)[kDepth][kQueryFours<kQ>], Four (&key_tile)[kDepth][kKeyFours],
                           float (&logits)[kQ][kThreadKeys]) {
    UNROLL
    for (int i = 0; i < kQ; ++i) {
        UNROLL
        for (int j = 0; j < kThreadKeys; ++j) logits[i][j] = 0;
    }
    for (int c = 0; c < cut.C; c += kDepth) {
        load_channels_first<kQueryThreads * kQ, kPacks>(q, at.first_query, cut.N, c, cut.C, q_tile);
        load_channels_first<kTileKeys, kPacks>(queue, first_key, cut.K, c, cut.C, key_tile);
        __syncthreads();
        if (at.query < cut.N) {
            UNROLL
            for (int depth = 0; depth < kDepth; ++depth)
                add_outer_product<kQ>(q_tile[depth] + at.y * (kQ / 4), key_tile[depth] + at.x, logits);
        }
        __syncthreads();
    }
    UNROLL
    for (int j = 0; j < kThreadKeys; ++j) {
        const bool inside = first_key + key_in_tile(at.x, j) < cut.K;
        UNROLL
        for (int i = 0; i < kQ; ++i) logits[i][j] = inside ? logits[i][j] * cut.inverse_T : -INFINITY;
    }
}

}  // namespace moco::cuda
