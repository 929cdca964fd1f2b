// Batch normalisation, forward and inference: one pass for the statistics, one that normalises, adds and cuts off.
//
// Both passes are bound by memory, so sums are kept in double: they then need no shift by the mean and one pass is
// exact enough for any mean and spread that f32 values can have.
#include "cpu/batch_norm.h"

#include "cpu/backend_impl.h"
#include "cpu/grain.h"
#include "cpu/pool_scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/batch_norm.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/batch_norm-inl.h"

#ifndef MOCO_CPU_BATCH_NORM_ONCE
#define MOCO_CPU_BATCH_NORM_ONCE
namespace moco::cpu {

/// y = activation((x - mean) * scale + shift + residual) over rows of `width` channels.
struct Normalise {
    const float* x;
    const float* residual;  // or null
    float* y;
    const float *mean, *scale, *shift;  // width each
    int64_t rows, width;
    Activation activation;
};

/// The statistics of one split from its sums, C each.
struct SplitStatistics {
    double count, epsilon;
    const float *gamma, *beta;
    float *mean, *inv_std;
    float* parameters;                            // 3 x width: mean, scale, shift
    double *mean_of_splits, *variance_of_splits;  // added to; the variance is the unbiased one
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Adds every row's x and x * x to sum and square (width each).
void add_moments(const float* x, int64_t rows, int64_t width, double* sum, double* square) {
    const int64_t tile = tile_rows(rows, width);
    for (int64_t begin = 0; begin < rows; begin += tile) {
        const int64_t count = std::min(tile, rows - begin);
        for_each_block<double, kDoubleUnroll>(width, [=](auto d, auto unroll, int64_t c) HWY_ATTR {
            constexpr int kUnroll = decltype(unroll)::value;
            const hn::Rebind<float, decltype(d)> df;
            const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
            hn::Vec<decltype(d)> s[kUnroll], q[kUnroll];
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                s[u] = hn::LoadU(d, sum + c + u * lanes);
                q[u] = hn::LoadU(d, square + c + u * lanes);
            }
            const float* row = x + begin * width + c;
            for (int64_t r = 0; r < count; ++r, row += width) {
#pragma GCC unroll 8
                for (int u = 0; u < kUnroll; ++u) {
                    const auto v = hn::PromoteTo(d, hn::LoadU(df, row + u * lanes));
                    s[u] = hn::Add(s[u], v);
                    q[u] = hn::MulAdd(v, v, q[u]);
                }
            }
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                hn::StoreU(s[u], d, sum + c + u * lanes);
                hn::StoreU(q[u], d, square + c + u * lanes);
            }
        });
    }
}

/// mean, scale and shift of the channels from which the pointers start, in rows `width` apart. What rounding the mean
/// takes from it goes into the shift.
template <class DF, class D>
HWY_INLINE void write_parameters(DF df, D d, hn::Vec<D> mean, hn::Vec<D> inv_std, const float* gamma, const float* beta,
                                 int64_t width, float* parameters) {
    const auto rounded = hn::DemoteTo(df, mean);
    const auto scale = hn::DemoteTo(df, hn::Mul(hn::PromoteTo(d, hn::LoadU(df, gamma)), inv_std));
    const auto lost = hn::Sub(mean, hn::PromoteTo(d, rounded));
    const auto shift = hn::NegMulAdd(lost, hn::PromoteTo(d, scale), hn::PromoteTo(d, hn::LoadU(df, beta)));
    hn::StoreU(rounded, df, parameters);
    hn::StoreU(scale, df, parameters + width);
    hn::StoreU(hn::DemoteTo(df, shift), df, parameters + 2 * width);
}

void finish_split(const UnitSums& sums, const SplitStatistics& a) {
    for_each_block<double, 1>(sums.C, [&](auto d, auto, int64_t c) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        const auto count = hn::Set(d, a.count);
        const auto mean = hn::Div(total_of_units(d, sums, 0, c), count);
        const auto mean_square = hn::Div(total_of_units(d, sums, 1, c), count);
        // Of equal values the difference may come out a trifle below zero. NaN must stay NaN, whatever Max does with
        // it.
        const auto difference = hn::NegMulAdd(mean, mean, mean_square);
        const auto variance = hn::IfThenZeroElse(hn::Lt(difference, hn::Zero(d)), difference);
        const auto inverse = hn::Div(hn::Set(d, 1.0), hn::Sqrt(hn::Add(variance, hn::Set(d, a.epsilon))));
        write_parameters(df, d, mean, inverse, a.gamma + c, a.beta + c, sums.width, a.parameters + c);
        hn::StoreU(hn::DemoteTo(df, mean), df, a.mean + c);
        hn::StoreU(hn::DemoteTo(df, inverse), df, a.inv_std + c);
        const auto unbiased = hn::Mul(variance, hn::Set(d, a.count / std::max(a.count - 1, 1.0)));
        hn::StoreU(hn::Add(hn::LoadU(d, a.mean_of_splits + c), mean), d, a.mean_of_splits + c);
        hn::StoreU(hn::Add(hn::LoadU(d, a.variance_of_splits + c), unbiased), d, a.variance_of_splits + c);
    });
}

void running_parameters(int64_t C, int64_t width, double epsilon, const float* gamma, const float* beta,
                        const float* mean, const float* variance, float* parameters) {
    for_each_block<double, 1>(C, [=](auto d, auto, int64_t c) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        const auto wide = hn::Add(hn::PromoteTo(d, hn::LoadU(df, variance + c)), hn::Set(d, epsilon));
        const auto inverse = hn::Div(hn::Set(d, 1.0), hn::Sqrt(wide));
        write_parameters(df, d, hn::PromoteTo(d, hn::LoadU(df, mean + c)), inverse, gamma + c, beta + c, width,
                         parameters + c);
    });
}

template <bool kResidual, bool kRelu>
void normalise_rows(const Normalise& a) {
    const int64_t tile = tile_rows(a.rows, a.width);
    for (int64_t begin = 0; begin < a.rows; begin += tile) {
        const int64_t count = std::min(tile, a.rows - begin);
        for_each_block<float, kFloatUnroll>(a.width, [=](auto d, auto unroll, int64_t c) HWY_ATTR {
            constexpr int kUnroll = decltype(unroll)::value;
            const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
            hn::Vec<decltype(d)> mean[kUnroll], scale[kUnroll], shift[kUnroll];
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                mean[u] = hn::LoadU(d, a.mean + c + u * lanes);
                scale[u] = hn::LoadU(d, a.scale + c + u * lanes);
                shift[u] = hn::LoadU(d, a.shift + c + u * lanes);
            }
            int64_t i = begin * a.width + c;
            for (int64_t r = 0; r < count; ++r, i += a.width) {
#pragma GCC unroll 8
                for (int u = 0; u < kUnroll; ++u) {
                    // Subtracting first keeps the digits when the mean is far larger than the spread.
                    auto v = hn::Sub(hn::LoadU(d, a.x + i + u * lanes), mean[u]);
                    v = hn::MulAdd(v, scale[u], shift[u]);
                    if constexpr (kResidual) v = hn::Add(v, hn::LoadU(d, a.residual + i + u * lanes));
                    if constexpr (kRelu) v = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v);
                    hn::StoreU(v, d, a.y + i + u * lanes);
                }
            }
        });
    }
}

void normalise(const Normalise& a) {
    const bool relu = a.activation == Activation::relu;
    if (a.residual != nullptr) {
        relu ? normalise_rows<true, true>(a) : normalise_rows<true, false>(a);
    } else {
        relu ? normalise_rows<false, true>(a) : normalise_rows<false, false>(a);
    }
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(add_moments);
HWY_EXPORT(finish_split);
HWY_EXPORT(running_parameters);
HWY_EXPORT(normalise);

/// The second pass, sample by sample; parameters: S x 3 x width.
void normalise_all(const BatchNormDims& d, int64_t S, const FoldedRows& folded, const float* x, const float* residual,
                   const float* parameters, float* y) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(normalise);
    const int64_t sample = d.HW * d.C;
    parallel_for(d.N, row_grain(sample), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            const float* p = parameters + n % S * 3 * folded.width;
            kernel({x + n * sample, residual == nullptr ? nullptr : residual + n * sample, y + n * sample, p,
                    p + folded.width, p + 2 * folded.width, folded.rows, folded.width, d.activation});
        }
    });
}

}  // namespace

void CpuBackend::batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const float* x,
                                    const float* gamma, const float* beta, const float* residual, float* running_mean,
                                    float* running_var, float* mean, float* inv_std, float* y) {
    const FoldedRows folded = fold_rows(d);
    const BatchNormUnits units(d);
    const int64_t sample = d.HW * d.C;
    Scratch<double> partials(memory_, units.count() * 2 * folded.width);
    const auto kernel = HWY_DYNAMIC_DISPATCH(add_moments);
    const int64_t unit_grain = d.count() < 2 * kElementGrain ? units.count() : 1;
    parallel_for(units.count(), unit_grain, [&](int64_t first, int64_t last) {
        for (int64_t unit = first; unit < last; ++unit) {
            double* sum = partials.get() + unit * 2 * folded.width;
            std::fill_n(sum, 2 * folded.width, 0.0);
            for (int64_t j = units.begin(unit); j < units.end(unit); ++j) {
                kernel(x + (units.split(unit) + d.S * j) * sample, folded.rows, folded.width, sum, sum + folded.width);
            }
        }
    });

    Scratch<float> parameters(memory_, d.S * 3 * folded.width);
    Scratch<double> of_splits(memory_, 2 * d.C);
    std::fill_n(of_splits.get(), 2 * d.C, 0.0);
    const double count = static_cast<double>(d.samples_per_split() * d.HW);
    for (int64_t s = 0; s < d.S; ++s) {
        float* set = parameters.get() + s * 3 * folded.width;
        HWY_DYNAMIC_DISPATCH(finish_split)
        (UnitSums(units, folded, d.C, partials.get(), s),
         {count, options.epsilon, gamma, beta, mean + s * d.C, inv_std + s * d.C, set, of_splits.get(),
          of_splits.get() + d.C});
        repeat_channels(set, 3, folded, d.C);
    }
    const double keep = 1.0 - options.momentum, share = options.momentum / static_cast<double>(d.S);
    for (int64_t c = 0; c < d.C; ++c) {
        running_mean[c] = static_cast<float>(keep * running_mean[c] + share * of_splits[c]);
        running_var[c] = static_cast<float>(keep * running_var[c] + share * of_splits[d.C + c]);
    }
    normalise_all(d, d.S, folded, x, residual, parameters.get(), y);
}

void CpuBackend::batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const float* x,
                                      const float* gamma, const float* beta, const float* residual,
                                      const float* running_mean, const float* running_var, float* y) {
    const FoldedRows folded = fold_rows(d);
    Scratch<float> parameters(memory_, 3 * folded.width);
    HWY_DYNAMIC_DISPATCH(running_parameters)
    (d.C, folded.width, options.epsilon, gamma, beta, running_mean, running_var, parameters.get());
    repeat_channels(parameters.get(), 3, folded, d.C);
    normalise_all(d, 1, folded, x, residual, parameters.get(), y);
}

}  // namespace moco::cpu
#endif
