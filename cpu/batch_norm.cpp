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
    DType dtype;  // of x, residual and y
    const void* x;
    const void* residual;  // or null
    void* y;
    uint8_t* signs;                     // or null: a bit an element, whether y is positive
    const float *mean, *scale, *shift;  // width each
    int64_t rows, width;
    Activation activation;
};

/// The statistics of one split from its sums, C each.
struct SplitStatistics {
    double count, epsilon;
    const float *gamma, *beta;
    float *mean, *inv_std;
    float* parameters;  // 3 x width: mean, scale, shift
    int64_t width;
    double *mean_of_splits, *variance_of_splits;  // added to; the variance is the unbiased one
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

template <class E>
void add_moments_of(const E* x, int64_t rows, int64_t width, double* sum, double* square) {
    for_each_tile<double, kDoubleVectors>(rows, width, [=](auto d, auto unroll, int64_t c, const Tile& tile) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        auto s = load_channels(d, unroll, sum + c), q = load_channels(d, unroll, square + c);
        for_each_row(d, unroll, tile, [&](int u, int64_t i) HWY_ATTR {
            const auto v = hn::PromoteTo(d, load_elements(df, x + i));
            s.v[u] = hn::Add(s.v[u], v);
            q.v[u] = hn::MulAdd(v, v, q.v[u]);
        });
        store_channels(d, s, sum + c);
        store_channels(d, q, square + c);
    });
}

/// Adds every row's x and x * x to sum and square (width each).
void add_moments(DType dtype, const void* x, int64_t rows, int64_t width, double* sum, double* square) {
    with_element_type(
        dtype, [=](auto type) { add_moments_of(static_cast<const decltype(type)*>(x), rows, width, sum, square); });
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
        write_parameters(df, d, mean, inverse, a.gamma + c, a.beta + c, a.width, a.parameters + c);
        hn::StoreU(hn::DemoteTo(df, mean), df, a.mean + c);
        hn::StoreU(hn::DemoteTo(df, inverse), df, a.inv_std + c);
        const auto unbiased = hn::Mul(variance, hn::Set(d, a.count / std::max(a.count - 1, 1.0)));
        hn::StoreU(hn::Add(hn::LoadU(d, a.mean_of_splits + c), mean), d, a.mean_of_splits + c);
        hn::StoreU(hn::Add(hn::LoadU(d, a.variance_of_splits + c), unbiased), d, a.variance_of_splits + c);
    });
}

void running_parameters(int64_t C, int64_t width, double epsilon, const float* gamma, const float* beta,
                        const float* mean, const float* variance, float* inv_std, float* parameters) {
    for_each_block<double, 1>(C, [=](auto d, auto, int64_t c) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        const auto wide = hn::Add(hn::PromoteTo(d, hn::LoadU(df, variance + c)), hn::Set(d, epsilon));
        const auto inverse = hn::Div(hn::Set(d, 1.0), hn::Sqrt(wide));
        if (inv_std != nullptr) hn::StoreU(hn::DemoteTo(df, inverse), df, inv_std + c);
        write_parameters(df, d, hn::PromoteTo(d, hn::LoadU(df, mean + c)), inverse, gamma + c, beta + c, width,
                         parameters + c);
    });
}

/// What follows the sum: nothing, ReLU, or ReLU and its mask written down.
enum class After { nothing, relu, relu_with_signs };

template <class E, bool kResidual, After kAfter>
void normalise_rows(const Normalise& a) {
    const auto* x = static_cast<const E*>(a.x);
    const auto* residual = static_cast<const E*>(a.residual);
    auto* y = static_cast<E*>(a.y);
    for_each_tile<float, kFloatVectors>(
        a.rows, a.width, [=](auto d, auto unroll, int64_t c, const Tile& tile) HWY_ATTR {
            const auto mean = load_channels(d, unroll, a.mean + c), scale = load_channels(d, unroll, a.scale + c),
                       shift = load_channels(d, unroll, a.shift + c);
            for_each_row(d, unroll, tile, [&](int u, int64_t i) HWY_ATTR {
                // Subtracting first keeps the digits when the mean is far larger than the spread.
                auto v = hn::MulAdd(hn::Sub(load_elements(d, x + i), mean.v[u]), scale.v[u], shift.v[u]);
                if constexpr (kResidual) v = hn::Add(v, load_elements(d, residual + i));
                if constexpr (kAfter == After::relu_with_signs) store_signs(d, hn::Gt(v, hn::Zero(d)), a.signs + i / 8);
                if constexpr (kAfter != After::nothing) v = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(d)), v);
                store_elements(d, v, y + i);
            });
        });
}

template <class E, After kAfter>
void normalise_with(const Normalise& a) {
    a.residual != nullptr ? normalise_rows<E, true, kAfter>(a) : normalise_rows<E, false, kAfter>(a);
}

void normalise(const Normalise& a) {
    with_element_type(a.dtype, [&](auto type) {
        using E = decltype(type);
        if (a.signs != nullptr) {
            normalise_with<E, After::relu_with_signs>(a);
        } else {
            a.activation == Activation::relu ? normalise_with<E, After::relu>(a) : normalise_with<E, After::nothing>(a);
        }
    });
}

bool has_whole_bytes_of_signs() {
    return kWholeBytes;
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
HWY_EXPORT(has_whole_bytes_of_signs);

/// The second pass, sample by sample; parameters: S x 3 x width.
void normalise_all(const BatchNormDims& d, int64_t S, const FoldedRows& folded, const void* x, const void* residual,
                   const float* parameters, void* y, uint8_t* signs) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(normalise);
    const int64_t sample = d.HW * d.C;
    parallel_for(d.N, row_grain(d.N, sample), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            const float* p = parameters + n % S * 3 * folded.width;
            const int64_t i = n * sample;
            if (n + 1 < end) {
                fetch_sample<Access::write>(d.dtype, y == x ? nullptr : y, n + 1, sample);
                fetch_sample<Access::read>(d.dtype, residual, n + 1, sample);
            }
            kernel({d.dtype, element(d.dtype, x, i), element(d.dtype, residual, i), element(d.dtype, y, i),
                    signs_of(signs, i), p, p + folded.width, p + 2 * folded.width, folded.rows, folded.width,
                    d.activation});
        }
    });
}

/// The second half of forward: the statistics from sums_of(split), then y.
template <typename SumsOf>
void finish_forward(MemoryPool& memory, const BatchNormForward& f, const SumsOf& sums_of) {
    const BatchNormDims& d = f.d;
    const FoldedRows folded = fold_rows(d);
    Scratch<float> parameters(memory, d.S * 3 * folded.width);
    Scratch<double> of_splits(memory, 2 * d.C);
    std::fill_n(of_splits.get(), 2 * d.C, 0.0);
    const double count = static_cast<double>(d.samples_per_split() * d.HW);
    for (int64_t s = 0; s < d.S; ++s) {
        float* set = parameters.get() + s * 3 * folded.width;
        HWY_DYNAMIC_DISPATCH(finish_split)
        (sums_of(s), {count, f.options.epsilon, f.gamma, f.beta, f.mean + s * d.C, f.inv_std + s * d.C, set,
                      folded.width, of_splits.get(), of_splits.get() + d.C});
        repeat_channels(set, 3, folded, d.C);
    }
    const double keep = 1.0 - f.options.momentum, share = f.options.momentum / static_cast<double>(d.S);
    for (int64_t c = 0; c < d.C; ++c) {
        f.running_mean[c] = static_cast<float>(keep * f.running_mean[c] + share * of_splits[c]);
        f.running_var[c] = static_cast<float>(keep * f.running_var[c] + share * of_splits[d.C + c]);
    }
    normalise_all(d, d.S, folded, f.x, f.residual, parameters.get(), f.y, f.signs);
}

}  // namespace

void batch_norm_forward_with_sums(MemoryPool& memory, const BatchNormForward& f, const double* sums) {
    finish_forward(memory, f, [&](int64_t split) { return UnitSums(sums, split, f.d.C); });
}

void CpuBackend::batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                    const float* gamma, const float* beta, const void* residual, float* running_mean,
                                    float* running_var, float* mean, float* inv_std, void* y, uint8_t* signs) {
    const FoldedRows folded = fold_rows(d);
    const BatchNormUnits units(d);
    const int64_t sample = d.HW * d.C;
    Scratch<double> partials(memory_, units.count() * 2 * folded.width);
    const auto kernel = HWY_DYNAMIC_DISPATCH(add_moments);
    const int64_t unit_grain = d.count() < 2 * kElementGrain ? units.count() : 1;
    parallel_for(
        units.count(), unit_grain,
        [&](int64_t first, int64_t last) {
            for (int64_t unit = first; unit < last; ++unit) {
                double* sum = partials.get() + unit * 2 * folded.width;
                std::fill_n(sum, 2 * folded.width, 0.0);
                for (int64_t j = units.begin(unit); j < units.end(unit); ++j) {
                    kernel(d.dtype, element(d.dtype, x, (units.split(unit) + d.S * j) * sample), folded.rows,
                           folded.width, sum, sum + folded.width);
                }
            }
        },
        PieceOrder::last_to_first);
    finish_forward(memory_, {d, options, x, gamma, beta, residual, running_mean, running_var, mean, inv_std, y, signs},
                   [&](int64_t split) { return UnitSums(units, folded, d.C, partials.get(), split); });
}

size_t CpuBackend::batch_norm_sign_bytes(const BatchNormDims& d) const {
    const bool whole_bytes = fold_rows(d).width % 16 == 0 && HWY_DYNAMIC_DISPATCH(has_whole_bytes_of_signs)();
    return d.activation == Activation::relu && whole_bytes ? static_cast<size_t>(d.count()) / 8 : 0;
}

void CpuBackend::batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const void* x,
                                      const float* gamma, const float* beta, const void* residual,
                                      const float* running_mean, const float* running_var, float* inv_std, void* y,
                                      uint8_t* signs) {
    const FoldedRows folded = fold_rows(d);
    Scratch<float> parameters(memory_, 3 * folded.width);
    HWY_DYNAMIC_DISPATCH(running_parameters)
    (d.C, folded.width, options.epsilon, gamma, beta, running_mean, running_var, inv_std, parameters.get());
    repeat_channels(parameters.get(), 3, folded, d.C);
    normalise_all(d, 1, folded, x, residual, parameters.get(), y, signs);
}

}  // namespace moco::cpu
#endif
