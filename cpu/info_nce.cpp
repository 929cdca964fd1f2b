// Fused InfoNCE (paper, Eqn. 1): streams over the queue and never holds N x (1 + K) logits.
//
// The queue is cut into at most kMaxPartials chunks by its length, a chunk into tiles of rows. Logits of a tile are
// computed transposed, tile rows x N: the queue is then read where it lies, queries stand side by side in vectors, and
// maximum and sum of each query need no step across lanes. Chunks keep partial results of their own, which are added
// up in order. Where a gradient will be wanted, the keys are summed in the same pass, weighted by the exponentials that
// are at hand: backward then needs neither the logits nor the queue again. Softmax's gradient sums to zero, so that of
// the positive is minus the sum over the negatives, which keeps its digits when the loss is small.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/gemm.h"
#include "cpu/grain.h"
#include "cpu/pool_scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/info_nce.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/exp-inl.h"

#ifndef MOCO_CPU_INFO_NCE_ONCE
#define MOCO_CPU_INFO_NCE_ONCE
namespace moco::cpu {

/// A running log-sum-exp of N queries: maximum and sum of exp(logit - maximum), N each.
struct LogSums {
    float *maximum, *sum;
    float* shrink;  // N or null: where given, what the last logits multiplied the sum before them by
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Takes `rows` x N logits into the log-sums. With `shrink`, the logits become exp(logit - maximum).
template <bool kKeep>
void take_logits(float* logits, int64_t rows, int64_t N, const LogSums& a) {
    for_each_vector(0, N, [=](auto d, int64_t n) HWY_ATTR {
        float* column = logits + n;
        const auto before = hn::LoadU(d, a.maximum + n);
        auto largest = before;
        for (int64_t j = 0; j < rows; ++j) largest = hn::Max(hn::LoadU(d, column + j * N), largest);
        // While everything is -infinity, sums are taken from 0: -infinity minus itself would be NaN.
        const auto from =
            hn::IfThenElse(hn::Eq(largest, hn::Set(d, -std::numeric_limits<float>::infinity())), hn::Zero(d), largest);
        const auto exponential = [=](int64_t j) HWY_ATTR {
            const auto e = exp_or_nan(d, hn::Sub(hn::LoadU(d, column + j * N), from));
            if constexpr (kKeep) hn::StoreU(e, d, column + j * N);
            return e;
        };
        const auto shrink = exp_or_nan(d, hn::Sub(before, from));
        if constexpr (kKeep) hn::StoreU(shrink, d, a.shrink + n);
        auto even = hn::Mul(hn::LoadU(d, a.sum + n), shrink), odd = hn::Zero(d);
        int64_t j = 0;
        for (; j + 2 <= rows; j += 2) {
            even = hn::Add(even, exponential(j));
            odd = hn::Add(odd, exponential(j + 1));
        }
        if (j < rows) even = hn::Add(even, exponential(j));
        hn::StoreU(largest, d, a.maximum + n);
        hn::StoreU(hn::Add(even, odd), d, a.sum + n);
    });
}

void add_logits(float* logits, int64_t rows, int64_t N, const LogSums& a) {
    a.shrink != nullptr ? take_logits<true>(logits, rows, N, a) : take_logits<false>(logits, rows, N, a);
}

/// sum = the rows, `step` apart, each times its factor, in order.
void add_weighted_rows(const float* rows, const float* factors, int64_t count, int64_t step, float* sum, int64_t C) {
    for_each_vector(0, C, [=](auto d, int64_t c) HWY_ATTR {
        auto total = hn::Zero(d);
        for (int64_t i = 0; i < count; ++i)
            total = hn::MulAdd(hn::Set(d, factors[i]), hn::LoadU(d, rows + i * step + c), total);
        hn::StoreU(total, d, sum + c);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(add_logits);
HWY_EXPORT(add_weighted_rows);

/// How the queue is cut; from the sizes alone.
struct Cut {
    int64_t chunk, chunks, tile;  // rows of a chunk, how many, rows of a tile

    explicit Cut(const InfoNceDims& d)
        : chunk(std::max<int64_t>(128, partial_grain(d.K))),
          chunks((d.K + chunk - 1) / chunk),
          tile(std::clamp<int64_t>((1 << 16) / d.N, 32, 512)) {}
};

/// Queries at a time where they are taken one by one.
constexpr int64_t kQueries = 32;

/// q / T, transposed to C x N, so that a tile's product with it needs neither scaling nor another transposition.
void scale_and_transpose(const InfoNceDims& d, const float* q, float* scaled) {
    parallel_for(d.N, kQueries, [=, &d](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n)
            for (int64_t c = 0; c < d.C; ++c) scaled[c * d.N + n] = q[n * d.C + c] / d.T;
    });
}

/// rows x N logits of `rows` keys.
void logits_of(const InfoNceDims& d, const float* keys, int64_t rows, const float* scaled, float* logits) {
    gemm_on_this_thread({rows, d.N, d.C, keys, d.C, scaled, d.N, logits, d.N});
}

/// What a chunk of the queue gives, one after the other in memory: maximum and sum of each query's exponentials, N
/// each, and its keys weighted by them, N x C, if these are wanted.
struct ChunkSums {
    float *maximum, *sum, *keys;

    static int64_t size(const InfoNceDims& d, bool weighted) { return 2 * d.N + (weighted ? d.N * d.C : 0); }
    ChunkSums(const InfoNceDims& d, bool weighted, float* all, int64_t chunk)
        : maximum(all + chunk * size(d, weighted)), sum(maximum + d.N), keys(weighted ? sum + d.N : nullptr) {}
};

/// keys (N x C): row n times shrink[n]. Most maxima come early: few rows change.
void shrink_rows(const InfoNceDims& d, const float* shrink, float* keys) {
    for (int64_t n = 0; n < d.N; ++n) {
        if (shrink[n] == 1.0f) continue;
        for (int64_t c = 0; c < d.C; ++c) keys[n * d.C + c] *= shrink[n];
    }
}

/// The sums of one chunk. memory: (tile + 1) x N, for the logits of a tile.
void sum_chunk(const InfoNceDims& d, const Cut& cut, int64_t chunk, const float* queue, const float* scaled,
               float* memory, const ChunkSums& sums) {
    float *logits = memory, *shrink = memory + cut.tile * d.N;
    std::fill_n(sums.maximum, d.N, -std::numeric_limits<float>::infinity());
    std::fill_n(sums.sum, d.N, 0.0f);
    const int64_t first = chunk * cut.chunk, end = std::min(d.K, first + cut.chunk);
    for (int64_t begin = first; begin < end; begin += cut.tile) {
        const int64_t rows = std::min(cut.tile, end - begin);
        const float* keys = queue + begin * d.C;
        logits_of(d, keys, rows, scaled, logits);
        HWY_DYNAMIC_DISPATCH(add_logits)
        (logits, rows, d.N, {sums.maximum, sums.sum, sums.keys != nullptr ? shrink : nullptr});
        if (sums.keys == nullptr) continue;
        if (begin > first) shrink_rows(d, shrink, sums.keys);
        gemm_on_this_thread({d.N, d.C, rows, logits, d.N, keys, d.C, sums.keys, d.C, Transpose::yes, Transpose::no,
                             begin > first ? Gemm::Accumulate::yes : Gemm::Accumulate::no});
    }
}

/// The positives' logits of queries [begin, end), at most kQueries of them. They are the diagonal of a product of the
/// same kind as the negatives' are: a key that is also in the queue gives the same bits, and so a tie.
void positives_of(const InfoNceDims& d, const float* k, const float* scaled, int64_t begin, int64_t end,
                  float* positive) {
    const int64_t count = end - begin;
    float logits[kQueries * kQueries];
    gemm_on_this_thread({count, count, d.C, k + begin * d.C, d.C, scaled + begin, d.N, logits, kQueries});
    for (int64_t i = 0; i < count; ++i) positive[begin + i] = logits[i * kQueries + i];
}

/// What one query contributes.
struct QueryLoss {
    double loss, log_sum;
    bool correct;
};

/// Joins the chunks' sums of query n, and the positive.
QueryLoss loss_of_query(const std::vector<ChunkSums>& chunks, int64_t n, float positive) {
    float negative = -std::numeric_limits<float>::infinity();
    for (const ChunkSums& chunk : chunks) negative = std::max(negative, chunk.maximum[n]);
    const float maximum = std::max(negative, positive);
    double sum = std::exp(positive - maximum);
    for (const ChunkSums& chunk : chunks)
        sum += static_cast<double>(chunk.sum[n]) * std::exp(chunk.maximum[n] - maximum);
    return {(maximum - positive) + std::log(sum), maximum + std::log(sum), positive > negative};
}

/// weighted (C + 1): the sum over query n's negatives of softmax times key, and of softmax.
void weigh_keys(const InfoNceDims& d, const std::vector<ChunkSums>& chunks, int64_t n, double log_sum,
                float* weighted) {
    float factors[kMaxPartials];
    double total = 0;
    for (size_t i = 0; i < chunks.size(); ++i) {
        const double factor = std::exp(chunks[i].maximum[n] - log_sum);
        factors[i] = static_cast<float>(factor);
        total += factor * chunks[i].sum[n];
    }
    HWY_DYNAMIC_DISPATCH(add_weighted_rows)
    (chunks[0].keys + n * d.C, factors, static_cast<int64_t>(chunks.size()), ChunkSums::size(d, true), weighted, d.C);
    weighted[d.C] = static_cast<float>(total);
}

}  // namespace

void CpuBackend::info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue, float* loss,
                                  float* positive, float* log_sum, float* correct, float* weighted) {
    const Cut cut(d);
    Scratch<float> scaled(memory_, d.C * d.N);
    Scratch<float> partials(memory_, cut.chunks * ChunkSums::size(d, weighted != nullptr));
    std::vector<ChunkSums> chunks;
    for (int64_t chunk = 0; chunk < cut.chunks; ++chunk)
        chunks.emplace_back(d, weighted != nullptr, partials.get(), chunk);
    scale_and_transpose(d, q, scaled.get());
    parallel_for(cut.chunks, 1, [&](int64_t first, int64_t last) {
        Scratch<float> memory(memory_, (cut.tile + 1) * d.N);
        for (int64_t chunk = first; chunk < last; ++chunk)
            sum_chunk(d, cut, chunk, queue, scaled.get(), memory.get(), chunks[static_cast<size_t>(chunk)]);
    });

    std::vector<QueryLoss> losses(static_cast<size_t>(d.N));
    parallel_for(d.N, kQueries, [&](int64_t begin, int64_t end) {
        positives_of(d, k, scaled.get(), begin, end, positive);
        for (int64_t n = begin; n < end; ++n) {
            QueryLoss& query = losses[static_cast<size_t>(n)] = loss_of_query(chunks, n, positive[n]);
            log_sum[n] = static_cast<float>(query.log_sum);
            if (weighted != nullptr) weigh_keys(d, chunks, n, query.log_sum, weighted + n * (d.C + 1));
        }
    });
    double total = 0;
    int64_t hits = 0;
    for (const QueryLoss& query : losses) {
        total += query.loss;
        hits += query.correct;
    }
    *loss = static_cast<float>(total / static_cast<double>(d.N));
    *correct = static_cast<float>(hits);
}

void CpuBackend::info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* /*queue*/,
                                   const float* /*positive*/, const float* /*log_sum*/, const float* weighted,
                                   const float* dloss, float* dq, float* dk) {
    const float factor = *dloss / (static_cast<float>(d.N) * d.T);
    for (int64_t n = 0; n < d.N; ++n, q += d.C, k += d.C, dq += d.C, weighted += d.C + 1) {
        const float of_negatives = weighted[d.C];
        for (int64_t c = 0; c < d.C; ++c) dq[c] = factor * (weighted[c] - of_negatives * k[c]);
        if (dk == nullptr) continue;
        for (int64_t c = 0; c < d.C; ++c) dk[c] = -factor * of_negatives * q[c];
        dk += d.C;
    }
}

}  // namespace moco::cpu
#endif
