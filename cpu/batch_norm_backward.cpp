// Batch normalisation, backward: one pass for the two sums over each split, one for dx.
//
// With g the gradient behind the activation, M the rows of a split and x^ = (x - mean) * inv_std:
//   dbeta = sum g;  dgamma = sum g x^;  dx = gamma * inv_std * (g - sum g / M - x^ * sum(g x^) / M)
// where the sums of dx are those of the split and dbeta, dgamma add up all splits.
#include "cpu/backend_impl.h"
#include "cpu/batch_norm.h"
#include "cpu/grain.h"
#include "cpu/pool_scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/batch_norm_backward.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

#ifndef MOCO_CPU_BATCH_NORM_BACKWARD_ONCE
#define MOCO_CPU_BATCH_NORM_BACKWARD_ONCE
namespace moco::cpu {

/// The first pass over rows of `width` channels: sum += g, dot += g * (x - mean); g is also written where asked for.
struct GradientSums {
    const float *x, *y, *dy;  // y null: no activation
    float* g;                 // or null
    const float* mean;        // width
    double *sum, *dot;        // width each
    int64_t rows, width;
};

/// The second pass: dx = g * of_g + (x - mean) * of_x + constant.
struct GradientOfX {
    const float *x, *y, *dy;  // y null: dy is g already
    float* dx;
    const float *mean, *of_g, *of_x, *constant;  // width each
    int64_t rows, width;
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

template <bool kRelu, bool kWrite>
void add_sums_of_rows(const GradientSums& a) {
    const int64_t tile = std::max<int64_t>(4, 2048 / a.width);
    for (int64_t begin = 0; begin < a.rows; begin += tile) {
        const int64_t count = std::min(tile, a.rows - begin);
        for_each_block<double, kDoubleUnroll>(a.width, [=](auto d, auto unroll, int64_t c) HWY_ATTR {
            constexpr int kUnroll = decltype(unroll)::value;
            const hn::Rebind<float, decltype(d)> df;
            const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
            hn::Vec<decltype(d)> sum[kUnroll], dot[kUnroll];
            hn::Vec<decltype(df)> mean[kUnroll];
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                sum[u] = hn::LoadU(d, a.sum + c + u * lanes);
                dot[u] = hn::LoadU(d, a.dot + c + u * lanes);
                mean[u] = hn::LoadU(df, a.mean + c + u * lanes);
            }
            int64_t i = begin * a.width + c;
            for (int64_t r = 0; r < count; ++r, i += a.width) {
#pragma GCC unroll 8
                for (int u = 0; u < kUnroll; ++u) {
                    auto g = hn::LoadU(df, a.dy + i + u * lanes);
                    if constexpr (kRelu) {
                        g = hn::IfThenElseZero(hn::Gt(hn::LoadU(df, a.y + i + u * lanes), hn::Zero(df)), g);
                    }
                    if constexpr (kWrite) hn::StoreU(g, df, a.g + i + u * lanes);
                    const auto centred = hn::Sub(hn::LoadU(df, a.x + i + u * lanes), mean[u]);
                    const auto wide = hn::PromoteTo(d, g);
                    sum[u] = hn::Add(sum[u], wide);
                    dot[u] = hn::MulAdd(wide, hn::PromoteTo(d, centred), dot[u]);
                }
            }
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                hn::StoreU(sum[u], d, a.sum + c + u * lanes);
                hn::StoreU(dot[u], d, a.dot + c + u * lanes);
            }
        });
    }
}

void add_gradient_sums(const GradientSums& a) {
    if (a.y != nullptr) {
        a.g != nullptr ? add_sums_of_rows<true, true>(a) : add_sums_of_rows<true, false>(a);
    } else {
        a.g != nullptr ? add_sums_of_rows<false, true>(a) : add_sums_of_rows<false, false>(a);
    }
}

template <bool kRelu>
void gradient_of_rows(const GradientOfX& a) {
    const int64_t tile = std::max<int64_t>(4, 2048 / a.width);
    for (int64_t begin = 0; begin < a.rows; begin += tile) {
        const int64_t count = std::min(tile, a.rows - begin);
        for_each_block<float, kFloatUnroll>(a.width, [=](auto d, auto unroll, int64_t c) HWY_ATTR {
            constexpr int kUnroll = decltype(unroll)::value;
            const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
            hn::Vec<decltype(d)> mean[kUnroll], of_g[kUnroll], of_x[kUnroll], constant[kUnroll];
#pragma GCC unroll 8
            for (int u = 0; u < kUnroll; ++u) {
                mean[u] = hn::LoadU(d, a.mean + c + u * lanes);
                of_g[u] = hn::LoadU(d, a.of_g + c + u * lanes);
                of_x[u] = hn::LoadU(d, a.of_x + c + u * lanes);
                constant[u] = hn::LoadU(d, a.constant + c + u * lanes);
            }
            int64_t i = begin * a.width + c;
            for (int64_t r = 0; r < count; ++r, i += a.width) {
#pragma GCC unroll 8
                for (int u = 0; u < kUnroll; ++u) {
                    auto g = hn::LoadU(d, a.dy + i + u * lanes);
                    if constexpr (kRelu) {
                        g = hn::IfThenElseZero(hn::Gt(hn::LoadU(d, a.y + i + u * lanes), hn::Zero(d)), g);
                    }
                    const auto centred = hn::Sub(hn::LoadU(d, a.x + i + u * lanes), mean[u]);
                    const auto dx = hn::MulAdd(g, of_g[u], hn::MulAdd(centred, of_x[u], constant[u]));
                    hn::StoreU(dx, d, a.dx + i + u * lanes);
                }
            }
        });
    }
}

void gradient_of_x(const GradientOfX& a) {
    a.y != nullptr ? gradient_of_rows<true>(a) : gradient_of_rows<false>(a);
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(add_gradient_sums);
HWY_EXPORT(gradient_of_x);

/// The per-channel factors of the second pass, `width` each; S sets of them.
struct Factors {
    float *mean, *of_g, *of_x, *constant;

    Factors(float* memory, int64_t s, int64_t width)
        : mean(memory + 4 * s * width), of_g(mean + width), of_x(of_g + width), constant(of_x + width) {}
};

}  // namespace

void CpuBackend::batch_norm_backward(const BatchNormDims& d, const float* x, const float* y, const float* gamma,
                                     const float* mean, const float* inv_std, const float* dy, float* dx, float* dgamma,
                                     float* dbeta, float* dresidual) {
    const FoldedRows folded = fold_rows(d);
    const BatchNormUnits units(d);
    const int64_t sample = d.HW * d.C, width = folded.width;
    if (d.activation == Activation::none) y = nullptr;

    Scratch<float> factors(memory_, d.S * 4 * width);
    for (int64_t s = 0; s < d.S; ++s) {
        for (int64_t f = 0; f < folded.fold; ++f) {
            std::copy_n(mean + s * d.C, d.C, Factors(factors.get(), s, width).mean + f * d.C);
        }
    }

    Scratch<double> partials(memory_, units.count() * 2 * width);
    const auto sums_kernel = HWY_DYNAMIC_DISPATCH(add_gradient_sums);
    const int64_t unit_grain = d.count() < 2 * kElementGrain ? units.count() : 1;
    parallel_for(units.count(), unit_grain, [&](int64_t first, int64_t last) {
        for (int64_t unit = first; unit < last; ++unit) {
            double* sum = partials.get() + unit * 2 * width;
            std::fill_n(sum, 2 * width, 0.0);
            const float* unit_mean = Factors(factors.get(), units.split(unit), width).mean;
            for (int64_t j = units.begin(unit); j < units.end(unit); ++j) {
                const int64_t i = (units.split(unit) + d.S * j) * sample;
                sums_kernel({x + i, y == nullptr ? nullptr : y + i, dy + i,
                             dresidual == nullptr ? nullptr : dresidual + i, unit_mean, sum, sum + width, folded.rows,
                             width});
            }
        }
    });

    Scratch<double> totals(memory_, 2 * d.S * d.C);
    const SplitSums total{totals.get(), totals.get() + d.S * d.C};
    fold_sums(units, folded, d.C, partials.get(), total);
    const double count = static_cast<double>(d.samples_per_split() * d.HW);
    for (int64_t c = 0; c < d.C; ++c) {
        double of_beta = 0, of_gamma = 0;
        for (int64_t s = 0; s < d.S; ++s) {
            const int64_t i = s * d.C + c;
            const double inverse = inv_std[i], sum_g = total.sum[i], sum_gx = total.product[i] * inverse;
            of_beta += sum_g;
            of_gamma += sum_gx;
            const double of_g = gamma[c] * inverse;
            const Factors at(factors.get(), s, width);
            for (int64_t f = 0; f < folded.fold; ++f) {
                at.of_g[f * d.C + c] = static_cast<float>(of_g);
                at.of_x[f * d.C + c] = static_cast<float>(-of_g * inverse * sum_gx / count);
                at.constant[f * d.C + c] = static_cast<float>(-of_g * sum_g / count);
            }
        }
        if (dbeta != nullptr) dbeta[c] = static_cast<float>(of_beta);
        if (dgamma != nullptr) dgamma[c] = static_cast<float>(of_gamma);
    }
    if (dx == nullptr) return;

    // Where the first pass wrote g, reading that spares reading y and dy again.
    const float* g = dresidual != nullptr ? dresidual : dy;
    const float* mask = dresidual != nullptr ? nullptr : y;
    const auto kernel = HWY_DYNAMIC_DISPATCH(gradient_of_x);
    parallel_for(d.N, row_grain(sample), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            const int64_t i = n * sample;
            const Factors at(factors.get(), n % d.S, width);
            kernel({x + i, mask == nullptr ? nullptr : mask + i, g + i, dx + i, at.mean, at.of_g, at.of_x, at.constant,
                    folded.rows, width});
        }
    });
}

}  // namespace moco::cpu
#endif
