// Fused InfoNCE (paper, Eqn. 1): streams over the queue and never holds N x (1 + K) logits.
//
// The queue is cut into at most kMaxPartials chunks by its length, a chunk into tiles of rows. Logits of a tile are
// computed transposed, tile rows x N: the queue is then read where it lies, queries stand side by side in vectors, and
// maximum and sum of each query need no step across lanes. Chunks keep partial results of their own, which are added
// up in order. The backward pass recomputes the logits; softmax's gradient sums to zero, so that of the positive is
// minus the sum over the negatives, which keeps its digits when the loss is small.
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

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Takes `rows` x N logits into a running log-sum-exp: maximum and sum, N each, of exp(logit - maximum).
void add_logits(const float* logits, int64_t rows, int64_t N, float* maximum, float* sum) {
    for_each_vector(0, N, [=](auto d, int64_t n) HWY_ATTR {
        const float* column = logits + n;
        const auto before = hn::LoadU(d, maximum + n);
        auto largest = before;
        for (int64_t j = 0; j < rows; ++j) largest = hn::Max(hn::LoadU(d, column + j * N), largest);
        // While everything is -infinity, sums are taken from 0: -infinity minus itself would be NaN.
        const auto from =
            hn::IfThenElse(hn::Eq(largest, hn::Set(d, -std::numeric_limits<float>::infinity())), hn::Zero(d), largest);
        auto even = hn::Mul(hn::LoadU(d, sum + n), exp_or_nan(d, hn::Sub(before, from))), odd = hn::Zero(d);
        int64_t j = 0;
        for (; j + 2 <= rows; j += 2) {
            even = hn::Add(even, exp_or_nan(d, hn::Sub(hn::LoadU(d, column + j * N), from)));
            odd = hn::Add(odd, exp_or_nan(d, hn::Sub(hn::LoadU(d, column + (j + 1) * N), from)));
        }
        if (j < rows) even = hn::Add(even, exp_or_nan(d, hn::Sub(hn::LoadU(d, column + j * N), from)));
        hn::StoreU(largest, d, maximum + n);
        hn::StoreU(hn::Add(even, odd), d, sum + n);
    });
}

/// In place: logits (rows x N) become factor * exp(logit - log_sum); their sums over the rows are added to `total`.
void softmax_of_logits(float* logits, int64_t rows, int64_t N, const float* log_sum, float factor, float* total) {
    for_each_vector(0, N, [=](auto d, int64_t n) HWY_ATTR {
        float* column = logits + n;
        const auto shift = hn::LoadU(d, log_sum + n);
        auto sum = hn::Zero(d);
        for (int64_t j = 0; j < rows; ++j) {
            const auto p = hn::Mul(hn::Set(d, factor), exp_or_nan(d, hn::Sub(hn::LoadU(d, column + j * N), shift)));
            sum = hn::Add(sum, p);
            hn::StoreU(p, d, column + j * N);
        }
        hn::StoreU(hn::Add(hn::LoadU(d, total + n), sum), d, total + n);
    });
}

/// sum = factor * x + the partial rows, `step` apart, in order.
void add_partial_rows(const float* x, float factor, const float* partials, int64_t count, int64_t step, float* sum,
                      int64_t C) {
    for_each_vector(0, C, [=](auto d, int64_t c) HWY_ATTR {
        auto total = hn::Mul(hn::Set(d, factor), hn::LoadU(d, x + c));
        for (int64_t i = 0; i < count; ++i) total = hn::Add(total, hn::LoadU(d, partials + i * step + c));
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
HWY_EXPORT(softmax_of_logits);
HWY_EXPORT(add_partial_rows);

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

/// Calls body(keys, rows) for each tile of the chunk, in order, with the logits of these keys in `logits` (rows x N).
template <class Body>
void for_each_tile(const InfoNceDims& d, const Cut& cut, int64_t chunk, const float* queue, const float* scaled,
                   float* logits, const Body& body) {
    const int64_t end = std::min(d.K, (chunk + 1) * cut.chunk);
    for (int64_t begin = chunk * cut.chunk; begin < end; begin += cut.tile) {
        const int64_t rows = std::min(cut.tile, end - begin);
        logits_of(d, queue + begin * d.C, rows, scaled, logits);
        body(queue + begin * d.C, rows);
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

/// Joins the chunks' (maximum, sum) of query n, in rows of N, and the positive.
QueryLoss loss_of_query(const InfoNceDims& d, const float* partials, int64_t chunks, int64_t n, float positive) {
    float negative = -std::numeric_limits<float>::infinity();
    for (int64_t chunk = 0; chunk < chunks; ++chunk) negative = std::max(negative, partials[chunk * 2 * d.N + n]);
    const float maximum = std::max(negative, positive);
    double sum = std::exp(positive - maximum);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const float* partial = partials + chunk * 2 * d.N + n;
        sum += static_cast<double>(partial[d.N]) * std::exp(partial[0] - maximum);
    }
    return {(maximum - positive) + std::log(sum), maximum + std::log(sum), positive > negative};
}

}  // namespace

void CpuBackend::info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue, float* loss,
                                  float* positive, float* log_sum, float* correct) {
    const Cut cut(d);
    Scratch<float> scaled(memory_, d.C * d.N), partials(memory_, cut.chunks * 2 * d.N);
    scale_and_transpose(d, q, scaled.get());
    const auto kernel = HWY_DYNAMIC_DISPATCH(add_logits);
    parallel_for(cut.chunks, 1, [&](int64_t first, int64_t last) {
        Scratch<float> logits(memory_, cut.tile * d.N);
        for (int64_t chunk = first; chunk < last; ++chunk) {
            float* maximum = partials.get() + chunk * 2 * d.N;
            float* sum = maximum + d.N;
            std::fill_n(maximum, d.N, -std::numeric_limits<float>::infinity());
            std::fill_n(sum, d.N, 0.0f);
            for_each_tile(d, cut, chunk, queue, scaled.get(), logits.get(),
                          [&](const float*, int64_t rows) { kernel(logits.get(), rows, d.N, maximum, sum); });
        }
    });

    std::vector<QueryLoss> losses(static_cast<size_t>(d.N));
    parallel_for(d.N, kQueries, [&](int64_t begin, int64_t end) {
        positives_of(d, k, scaled.get(), begin, end, positive);
        for (int64_t n = begin; n < end; ++n) {
            losses[static_cast<size_t>(n)] = loss_of_query(d, partials.get(), cut.chunks, n, positive[n]);
            log_sum[n] = static_cast<float>(losses[static_cast<size_t>(n)].log_sum);
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

void CpuBackend::info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                                   const float* /*positive*/, const float* log_sum, const float* dloss, float* dq,
                                   float* dk) {
    const Cut cut(d);
    const float factor = *dloss / (static_cast<float>(d.N) * d.T);
    // A chunk's share: N x C of dq, then the sum of each query's factors, N.
    const int64_t share = d.N * d.C + d.N;
    Scratch<float> scaled(memory_, d.C * d.N), partials(memory_, cut.chunks * share);
    scale_and_transpose(d, q, scaled.get());
    const auto kernel = HWY_DYNAMIC_DISPATCH(softmax_of_logits);
    parallel_for(cut.chunks, 1, [&](int64_t first, int64_t last) {
        Scratch<float> logits(memory_, cut.tile * d.N);
        for (int64_t chunk = first; chunk < last; ++chunk) {
            float* sum = partials.get() + chunk * share;
            float* total = sum + d.N * d.C;
            std::fill_n(sum, share, 0.0f);
            for_each_tile(d, cut, chunk, queue, scaled.get(), logits.get(), [&](const float* keys, int64_t rows) {
                kernel(logits.get(), rows, d.N, log_sum, factor, total);
                gemm_on_this_thread({d.N, d.C, rows, logits.get(), d.N, keys, d.C, sum, d.C, Transpose::yes,
                                     Transpose::no, Gemm::Accumulate::yes});
            });
        }
    });

    const auto join = HWY_DYNAMIC_DISPATCH(add_partial_rows);
    parallel_for(d.N, row_grain(cut.chunks * d.C), [&](int64_t first, int64_t last) {
        for (int64_t n = first; n < last; ++n) {
            float of_negatives = 0;
            for (int64_t chunk = 0; chunk < cut.chunks; ++chunk) {
                of_negatives += partials[chunk * share + d.N * d.C + n];
            }
            join(k + n * d.C, -of_negatives, partials.get() + n * d.C, cut.chunks, share, dq + n * d.C, d.C);
            if (dk != nullptr) join(q + n * d.C, -of_negatives, nullptr, 0, 0, dk + n * d.C, d.C);
        }
    });
}

}  // namespace moco::cpu
#endif
