// Fused InfoNCE, backward: each block recomputes the logits of its queries and slice of the queue, tile by tile.
//
// With p the softmax and f = dloss / (N T): dq = sum over the negatives of f p key, less (sum of f p) k. Softmax's
// gradient sums to zero, so that of the positive is minus the sum over the negatives, which keeps its digits when the
// loss is small.
#include "cuda/info_nce.cuh"
#include "cuda/kernel_backend.h"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int kJoinRows = 8;  // threads that share the slices of an element

/// What the slices give: dq without the positive's part (slices x N x C), and the sums of each query's factors (slices
/// x N).
struct NcePartials {
    float *dq, *totals;
};

/// logits -> f p, also into shared memory, key by key; their sums over the keys are added to `totals`.
template <int kQ>
DEVICE void factors_of_tile(const NceCut& cut, const NcePlace& at, const float* log_sum, float factor,
                            const float (&logits)[kQ][kThreadKeys], Four (&factors)[kTileKeys][kQueryFours<kQ>],
                            float (&totals)[kQ]) {
    float shift[kQ];
    UNROLL
    for (int i = 0; i < kQ; ++i) shift[i] = at.query + i < cut.N ? log_sum[at.query + i] : INFINITY;
    UNROLL
    for (int j = 0; j < kThreadKeys; ++j) {
        UNROLL
        for (int h = 0; h < kQ / 4; ++h) {
            Four four;
            UNROLL
            for (int u = 0; u < 4; ++u) {
                const int i = 4 * h + u;
                four.element[u] = at.query + i < cut.N ? factor * expf(logits[i][j] - shift[i]) : 0.0f;
                totals[i] += four.element[u];
            }
            factors[key_in_tile(at.x, j)][at.y * (kQ / 4) + h] = four;
        }
    }
}

/// Rows [first, first + kDepth) of the queue, 128 columns from `column`, as they lie; zeros beyond the ends.
template <bool kPacks>
DEVICE void load_keys(const float* queue, int64_t first, int64_t K, int column, int C,
                      Four (&tile)[kDepth][kKeyFours]) {
    constexpr int kWidth = kPacks ? 4 : 1, kAcross = kTileKeys / kWidth, kDown = kNceThreads / kAcross;
    const int across = static_cast<int>(threadIdx.x) % kAcross * kWidth;
    const int most = K - first < kDepth ? static_cast<int>(K - first) : kDepth;
    queue += first * C;
    UNROLL_BY(4)
    for (int row = static_cast<int>(threadIdx.x) / kAcross; row < kDepth; row += kDown) {
        Pack<float, kWidth> values = {};
        if (row < most && column + across < C) values = load_pack<kWidth>(queue + (row * C + column + across));
        UNROLL
        for (int u = 0; u < kWidth; ++u) tile[row][(across + u) / 4].element[(across + u) % 4] = values.element[u];
    }
}

/// dq += factors (transposed) * the tile's keys. Holds barriers: all threads must call.
template <int kQ, bool kPacks>
DEVICE void add_keys(const NceCut& cut, const NcePlace& at, const float* queue, int64_t first_key, int column,
                     const Four (&factors)[kTileKeys][kQueryFours<kQ>], Four (&key_tile)[kDepth][kKeyFours],
                     float (&dq)[kQ][kThreadKeys]) {
    for (int first = 0; first < kTileKeys && first_key + first < cut.K; first += kDepth) {
        load_keys<kPacks>(queue, first_key + first, cut.K, column, cut.C, key_tile);
        __syncthreads();
        if (at.query < cut.N && column + 4 * at.x < cut.C) {
            UNROLL_BY(8)
            for (int depth = 0; depth < kDepth; ++depth)
                add_outer_product<kQ>(factors[first + depth] + at.y * (kQ / 4), key_tile[depth] + at.x, dq);
        }
        __syncthreads();
    }
}

/// Blocks: query tiles x slices x columns of dq by 128.
template <int kQ, bool kPacks>
KERNEL(kNceThreads)
gradients_of_slices(NceCut cut, const float* q, const float* queue, const float* log_sum, const float* dloss,
                    NcePartials partials) {
    SHARED_ARRAY(Four, q_tile, [kDepth][kQueryFours<kQ>]);
    SHARED_ARRAY(Four, key_tile, [kDepth][kKeyFours]);
    SHARED_ARRAY(Four, factors, [kTileKeys][kQueryFours<kQ>]);
    const NcePlace at = nce_place<kQ>();
    const float factor = *dloss * cut.inverse_T / static_cast<float>(cut.N);
    const int column = static_cast<int>(blockIdx.z) * kTileKeys;
    const int64_t begin = blockIdx.y * cut.slice_keys;
    const int64_t end = begin + cut.slice_keys < cut.K ? begin + cut.slice_keys : cut.K;
    float dq[kQ][kThreadKeys] = {}, totals[kQ] = {};
    for (int64_t key = begin; key < end; key += kTileKeys) {
        float logits[kQ][kThreadKeys];
        logits_of_tile<kQ, kPacks>(cut, at, q, queue, key, q_tile, key_tile, logits);
        factors_of_tile<kQ>(cut, at, log_sum, factor, logits, factors, totals);
        add_keys<kQ, kPacks>(cut, at, queue, key, column, factors, key_tile, dq);
    }
    UNROLL
    for (int i = 0; i < kQ; ++i) {
        const float total = warp_reduce<kKeyThreads>(totals[i], Sum());
        if (at.query + i >= cut.N) continue;
        const int64_t row = blockIdx.y * cut.N + at.query + i;
        if (at.x == 0 && blockIdx.z == 0) partials.totals[row] = total;
        UNROLL
        for (int j = 0; j < kThreadKeys; ++j) {
            const int c = column + key_in_tile(at.x, j);
            if (c < cut.C) partials.dq[row * cut.C + c] = dq[i][j];
        }
    }
}

/// Adds up the slices of a query's 32 columns, kJoinRows threads sharing the slices, and the positive's part.
KERNEL(kWarpSize* kJoinRows)
join_gradients(NceCut cut, const float* q, const float* k, NcePartials partials, float* dq, float* dk) {
    SHARED_ARRAY(float, of_warps, [kMaxWarps]);
    SHARED_ARRAY(float, of_rows, [kJoinRows][kWarpSize]);
    const int64_t n = blockIdx.x, c = int64_t{blockIdx.y} * kWarpSize + threadIdx.x;
    float total = 0, sum = 0;
    for (int64_t slice = thread_in_block(); slice < cut.slices; slice += kWarpSize * kJoinRows)
        total += partials.totals[slice * cut.N + n];
    total = block_reduce(total, of_warps, Sum());
    UNROLL_BY(4)
    for (int64_t slice = threadIdx.y; slice < cut.slices; slice += kJoinRows) {
        if (c < cut.C) sum += partials.dq[(slice * cut.N + n) * cut.C + c];
    }
    sum = column_reduce(sum, of_rows, Sum());
    if (threadIdx.y == 0 && c < cut.C) {
        dq[n * cut.C + c] = sum - total * k[n * cut.C + c];
        if (dk != nullptr) dk[n * cut.C + c] = -total * q[n * cut.C + c];
    }
}

}  // namespace

void KernelBackend::info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                                      const float* /*positive*/, const float* log_sum, const float* /*weighted*/,
                                      const float* dloss, float* dq, float* dk) {
    with_nce_kernel(d, q, queue, [&](auto queries, auto packs) {
        constexpr int kQ = decltype(queries)::value;
        constexpr bool kPacks = decltype(packs)::value;
        const NceCut cut(d, kQueryThreads * kQ);
        const Scratch<float> sums(*this, cut.slices * d.N * d.C), totals(*this, cut.slices * d.N);
        const NcePartials partials = {sums.get(), totals.get()};
        const dim3 grid(static_cast<unsigned>(cut.query_tiles), static_cast<unsigned>(cut.slices),
                        blocks_for(d.C, kTileKeys));
        LAUNCH((gradients_of_slices<kQ, kPacks>), grid, kNceThreads, 0, stream(), cut, q, queue, log_sum, dloss,
               partials);
        LAUNCH(join_gradients, dim3(static_cast<unsigned>(d.N), blocks_for(d.C, kWarpSize)), dim3(kWarpSize, kJoinRows),
               0, stream(), cut, q, k, partials, dq, dk);
    });
}

}  // namespace moco::cuda
