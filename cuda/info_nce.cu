// Fused InfoNCE (paper, Eqn. 1), forward: streams over the queue and never holds N x (1 + K) logits.
//
// Each block keeps a running log-sum-exp of its queries over its slice of the queue, in registers; the slices' results
// are joined in a fixed order, with the positives.
#include "cuda/info_nce.cuh"
#include "cuda/kernel_backend.h"
#include "cuda/mean_loss.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int kJoinRows = 8;  // threads that share the slices of a query

/// partials: slices x N log-sums.
template <int kQ, bool kPacks>
KERNEL(kNceThreads)
log_sums_of_slices(NceCut cut, const float* q, const float* queue, LogSum* partials) {
    SHARED_ARRAY(Four, q_tile, [kDepth][kQueryFours<kQ>]);
    SHARED_ARRAY(Four, key_tile, [kDepth][kKeyFours]);
    const NcePlace at = nce_place<kQ>();
    const int64_t begin = blockIdx.y * cut.slice_keys;
    const int64_t end = begin + cut.slice_keys < cut.K ? begin + cut.slice_keys : cut.K;
    LogSum of_queries[kQ];
    UNROLL
    for (int i = 0; i < kQ; ++i) of_queries[i] = no_logits();
    for (int64_t key = begin; key < end; key += kTileKeys) {
        float logits[kQ][kThreadKeys];
        logits_of_tile<kQ, kPacks>(cut, at, q, queue, key, q_tile, key_tile, logits);
        if (at.query < cut.N) {
            UNROLL
            for (int i = 0; i < kQ; ++i) of_queries[i] = with_logits(of_queries[i], logits[i]);
        }
    }
    UNROLL
    for (int i = 0; i < kQ; ++i) {
        const LogSum joined = warp_reduce<kKeyThreads>(of_queries[i], JoinLogSums());
        if (at.x == 0 && at.query + i < cut.N) partials[blockIdx.y * cut.N + at.query + i] = joined;
    }
}

/// The dot products of 32 queries and their keys, in the threads with threadIdx.y 0. Products are added in the order
/// of the channels.
DEVICE float positive_dot(const NceCut& cut, int64_t first_query, const float* q, const float* k,
                          float (&q_tile)[kWarpSize][kWarpSize + 1], float (&k_tile)[kWarpSize][kWarpSize + 1]) {
    float dot = 0;
    for (int64_t first = 0; first < cut.C; first += kWarpSize) {
        const int64_t c = first + threadIdx.x;
        for (unsigned row = threadIdx.y; row < kWarpSize; row += kJoinRows) {
            const bool inside = first_query + row < cut.N && c < cut.C;
            const int64_t i = (first_query + row) * cut.C + c;
            q_tile[row][threadIdx.x] = inside ? q[i] : 0.0f;
            k_tile[row][threadIdx.x] = inside ? k[i] : 0.0f;
        }
        __syncthreads();
        if (threadIdx.y == 0) {
            UNROLL_BY(8)
            for (int u = 0; u < kWarpSize; ++u) dot += q_tile[threadIdx.x][u] * k_tile[threadIdx.x][u];
        }
        __syncthreads();
    }
    return dot;
}

/// Joins the slices and the positive of each query, in blocks of 32 queries x kJoinRows threads that share the slices.
KERNEL(kWarpSize* kJoinRows)
losses_of_queries(NceCut cut, const float* q, const float* k, const LogSum* partials, float* positive, float* log_sum,
                  Pair<float>* of_rows) {
    SHARED_ARRAY(float, q_tile, [kWarpSize][kWarpSize + 1]);
    SHARED_ARRAY(float, k_tile, [kWarpSize][kWarpSize + 1]);
    SHARED_ARRAY(LogSum, joined, [kJoinRows][kWarpSize]);
    const int64_t first_query = int64_t{blockIdx.x} * kWarpSize, n = first_query + threadIdx.x;
    const float logit = positive_dot(cut, first_query, q, k, q_tile, k_tile) * cut.inverse_T;
    LogSum negatives = no_logits();
    for (int64_t slice = threadIdx.y; slice < cut.slices && n < cut.N; slice += kJoinRows)
        negatives = JoinLogSums()(negatives, partials[slice * cut.N + n]);
    negatives = column_reduce(negatives, joined, JoinLogSums());
    if (threadIdx.y == 0 && n < cut.N) {
        const RowLoss result = row_loss(logit, negatives);
        positive[n] = logit;
        log_sum[n] = result.log_sum;
        of_rows[n] = {result.loss, result.correct ? 1.0f : 0.0f};
    }
}

}  // namespace

void KernelBackend::info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                                     float* loss, float* positive, float* log_sum, float* correct,
                                     float* /*weighted*/) {
    with_nce_kernel(d, q, queue, [&](auto queries, auto packs) {
        constexpr int kQ = decltype(queries)::value;
        constexpr bool kPacks = decltype(packs)::value;
        const NceCut cut(d, kQueryThreads * kQ);
        const Scratch<LogSum> partials(*this, cut.slices * d.N);
        const Scratch<Pair<float>> of_rows(*this, d.N);
        const dim3 grid(static_cast<unsigned>(cut.query_tiles), static_cast<unsigned>(cut.slices));
        LAUNCH((log_sums_of_slices<kQ, kPacks>), grid, kNceThreads, 0, stream(), cut, q, queue, partials.get());
        LAUNCH(losses_of_queries, blocks_for(d.N, kWarpSize, INT32_MAX), dim3(kWarpSize, kJoinRows), 0, stream(), cut,
               q, k, partials.get(), positive, log_sum, of_rows.get());
        mean_loss(stream(), of_rows.get(), d.N, loss, correct);
    });
}

}  // namespace moco::cuda
