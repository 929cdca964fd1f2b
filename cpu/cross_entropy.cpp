// Cross-entropy of softmax(logits) with one target a row, some of which may be spread evenly over all classes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/cross_entropy.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/exp-inl.h"

#ifndef MOCO_CPU_CROSS_ENTROPY_ONCE
#define MOCO_CPU_CROSS_ENTROPY_ONCE
namespace moco::cpu {

/// What the forward pass needs of a row: log(sum of exp(logit)), and how many logits are at least the target's.
struct RowSoftmax {
    double log_sum;
    int64_t at_least_target;
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Columns after which lanes are joined in double: short sums have small errors.
constexpr int64_t kRun = 64 * HWY_LANES(float);

/// Calls f(d, v) for all of the row in full vectors, the last one filled up with -infinity.
template <class F>
HWY_INLINE void for_filled_vectors(const float* row, int64_t begin, int64_t end, const F& f) {
    const hn::ScalableTag<float> d;
    constexpr int64_t kLanes = HWY_LANES(float);
    for (; begin + kLanes <= end; begin += kLanes) f(d, hn::LoadU(d, row + begin));
    if (begin == end) return;
    float rest[kLanes];
    std::fill_n(rest, kLanes, -std::numeric_limits<float>::infinity());
    std::copy(row + begin, row + end, rest);
    f(d, hn::LoadU(d, rest));
}

RowSoftmax row_softmax(const float* row, int64_t columns, float target) {
    const hn::ScalableTag<float> d;
    RowSoftmax result{0, 0};
    auto largest = hn::Set(d, -std::numeric_limits<float>::infinity());
    for_filled_vectors(row, 0, columns, [&](auto df, auto v) HWY_ATTR {
        largest = hn::Max(v, largest);
        result.at_least_target += static_cast<int64_t>(hn::CountTrue(df, hn::Ge(v, hn::Set(df, target))));
    });
    const auto maximum = hn::MaxOfLanes(d, largest);
    double sum = 0;
    for (int64_t c = 0; c < columns; c += kRun) {
        auto lanes = hn::Zero(d);
        for_filled_vectors(row, c, std::min(columns, c + kRun), [&](auto df, auto v) HWY_ATTR {
            lanes = hn::Add(lanes, exp_or_nan(df, hn::Sub(v, maximum)));
        });
        sum += hn::GetLane(hn::SumOfLanes(d, lanes));
    }
    result.log_sum = hn::GetLane(maximum) + std::log(sum);
    return result;
}

/// dlogits = factor * softmax for columns [begin, end); returns their sum.
double softmax_of_columns(const float* row, float log_sum, float factor, float* dlogits, int64_t begin, int64_t end) {
    double sum = 0;
    const auto write = [=](auto d, int64_t c) HWY_ATTR {
        const auto probability = exp_or_nan(d, hn::Sub(hn::LoadU(d, row + c), hn::Set(d, log_sum)));
        const auto gradient = hn::Mul(hn::Set(d, factor), probability);
        hn::StoreU(gradient, d, dlogits + c);
        return gradient;
    };
    const hn::ScalableTag<float> full;
    constexpr int64_t kLanes = HWY_LANES(float);
    while (begin + kLanes <= end) {
        const int64_t stop = std::min(end, begin + kRun);
        auto lanes = hn::Zero(full);
        for (; begin + kLanes <= stop; begin += kLanes) lanes = hn::Add(lanes, write(full, begin));
        sum += hn::GetLane(hn::SumOfLanes(full, lanes));
    }
    for (; begin < end; ++begin) sum += hn::GetLane(write(hn::CappedTag<float, 1>(), begin));
    return sum;
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(row_softmax);
HWY_EXPORT(softmax_of_columns);

namespace {

double mean_of_row(const float* row, int64_t columns) {
    return std::accumulate(row, row + columns, 0.0) / static_cast<double>(columns);
}

}  // namespace

void CpuBackend::cross_entropy_forward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                       float* loss, float* log_sum, float* correct) {
    const int64_t rows = d.N, columns = d.C;
    const double smoothing = d.smoothing;
    const auto kernel = HWY_DYNAMIC_DISPATCH(row_softmax);
    std::vector<double> losses(static_cast<size_t>(rows));
    std::vector<uint8_t> hits(static_cast<size_t>(rows));
    parallel_for(rows, row_grain(rows, 4 * columns), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const float target = logits[r * columns + targets[r]];
            const RowSoftmax softmax = kernel(logits + r * columns, columns, target);
            log_sum[r] = static_cast<float>(softmax.log_sum);
            double aim = target;  // what log_sum is held against: the logits' mean, weighted by the targets
            if (smoothing > 0) aim += smoothing * (mean_of_row(logits + r * columns, columns) - target);
            losses[static_cast<size_t>(r)] = softmax.log_sum - aim;
            hits[static_cast<size_t>(r)] = softmax.at_least_target == 1;
        }
    });
    double total = 0;
    for (const double of_row : losses) total += of_row;
    *loss = static_cast<float>(total / static_cast<double>(rows));
    *correct = static_cast<float>(std::count(hits.begin(), hits.end(), 1));
}

void CpuBackend::cross_entropy_backward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                        const float* log_sum, const float* dloss, float* dlogits) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(softmax_of_columns);
    const int64_t rows = d.N, columns = d.C;
    const float factor = *dloss / static_cast<float>(rows);
    const float elsewhere = d.smoothing / static_cast<float>(columns);  // the target distribution, off the target
    parallel_for(rows, row_grain(rows, 4 * columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            const float* row = logits + r * columns;
            float* drow = dlogits + r * columns;
            const double before = kernel(row, log_sum[r], factor, drow, 0, targets[r]);
            const double behind = kernel(row, log_sum[r], factor, drow, targets[r] + 1, columns);
            // The gradient sums to zero: where p - 1 would lose its digits, that of the target is minus the rest.
            const float p = std::exp(row[targets[r]] - log_sum[r]);
            drow[targets[r]] = p > 0.5f ? static_cast<float>(-(before + behind)) : factor * (p - 1);
            if (d.smoothing == 0) continue;
            for (int64_t c = 0; c < columns; ++c) drow[c] -= factor * elsewhere;
            drow[targets[r]] += factor * d.smoothing;
        }
    });
}

}  // namespace moco::cpu
#endif
