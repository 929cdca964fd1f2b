// Batch normalisation, backward: one pass for the two sums over each split, one for dx.
//
// With g the gradient behind the activation, M the rows of a split and x^ = (x - mean) * inv_std:
//   dbeta = sum g;  dgamma = sum g x^;  dx = gamma * inv_std * (g - sum g / M - x^ * sum(g x^) / M)
// where the sums of dx are those of the split and dbeta, dgamma add up all splits. Statistics that are given move with
// no x: M is then infinite, and dx = gamma * inv_std * g.
#include "cpu/backend_impl.h"
#include "cpu/batch_norm.h"
#include "cpu/grain.h"
#include "cpu/pool_scratch.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/batch_norm_backward.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/batch_norm-inl.h"

#ifndef MOCO_CPU_BATCH_NORM_BACKWARD_ONCE
#define MOCO_CPU_BATCH_NORM_BACKWARD_ONCE
namespace moco::cpu {

/// The first pass over rows of `width` channels: sum += g, dot += g * (x - mean); g is also written where asked for,
/// and dx = g * of_g where the statistics are given: then it is the only pass.
struct GradientSums {
    DType dtype;             // of x, y, dy and g
    const void *x, *y, *dy;  // y null: the mask is in signs, or there is none
    const uint8_t* signs;    // or null
    void* g;                 // or null
    void* dx;                // or null
    const float* of_g;       // width, with dx
    const float* mean;       // width
    float *sum, *dot;        // width each
    int64_t rows, width;
};

/// Rows whose sums are taken in f32 before they are added to a double: the error stays that of a short sum.
constexpr int64_t kRunRows = 64;

/// What follows from the sums of one split, C each.
struct SplitFactors {
    double count;
    const float *gamma, *inv_std;
    float *of_g, *of_x, *constant;
    double *of_beta, *of_gamma;  // added to
};

/// The second pass: dx = g * of_g + (x - mean) * of_x + constant.
struct GradientOfX {
    DType dtype;             // of x, y, dy and dx
    const void *x, *y, *dy;  // y and signs null: dy is g already
    const uint8_t* signs;
    void* dx;
    const float *mean, *of_g, *of_x, *constant;  // width each
    int64_t rows, width;
};

}  // namespace moco::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// Where it stands whether the activation let an element pass.
enum class Mask { none, y, signs };

/// g = dy, or zero where the activation let nothing pass.
template <Mask mask, class D, class E>
HWY_INLINE hn::Vec<D> masked(D d, hn::Vec<D> dy, const E* y, const uint8_t* signs, int64_t i) {
    if constexpr (mask == Mask::y) return hn::IfThenElseZero(hn::Gt(load_elements(d, y + i), hn::Zero(d)), dy);
    if constexpr (mask == Mask::signs) return hn::IfThenElseZero(load_signs(d, signs + i / 8), dy);
    return dy;
}

/// Calls f(integral_constant<Mask>) with what `a` has.
template <class Arguments, class F>
HWY_INLINE void with_mask(const Arguments& a, const F& f) {
    if (a.signs != nullptr) return f(std::integral_constant<Mask, Mask::signs>());
    if (a.y != nullptr) return f(std::integral_constant<Mask, Mask::y>());
    f(std::integral_constant<Mask, Mask::none>());
}

template <class E, Mask mask, bool kWrite, bool kGiven>
void add_sums_of_rows(const GradientSums& a) {
    const auto *x = static_cast<const E*>(a.x), *y = static_cast<const E*>(a.y), *dy = static_cast<const E*>(a.dy);
    auto* written = static_cast<E*>(a.g);
    auto* dx = static_cast<E*>(a.dx);
    for_each_tile<float, kFloatVectors>(
        a.rows, a.width, [=](auto d, auto unroll, int64_t c, const Tile& tile) HWY_ATTR {
            auto sum = load_channels(d, unroll, a.sum + c), dot = load_channels(d, unroll, a.dot + c);
            const auto mean = load_channels(d, unroll, a.mean + c);
            const auto of_g = load_channels(d, unroll, (kGiven ? a.of_g : a.mean) + c);
            for_each_row(d, unroll, tile, [&](int u, int64_t i) HWY_ATTR {
                const auto g = masked<mask>(d, load_elements(d, dy + i), y, a.signs, i);
                sum.v[u] = hn::Add(sum.v[u], g);
                dot.v[u] = hn::MulAdd(g, hn::Sub(load_elements(d, x + i), mean.v[u]), dot.v[u]);
                if constexpr (kWrite) store_elements(d, g, written + i);
                if constexpr (kGiven) store_elements(d, hn::Mul(g, of_g.v[u]), dx + i);
            });
            store_channels(d, sum, a.sum + c);
            store_channels(d, dot, a.dot + c);
        });
}

/// sums += run; run = 0.
void end_run(float* run, double* sums, int64_t count) {
    for_each_block<double, 1>(count, [=](auto d, auto, int64_t c) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        hn::StoreU(hn::Add(hn::LoadU(d, sums + c), hn::PromoteTo(d, hn::LoadU(df, run + c))), d, sums + c);
        hn::StoreU(hn::Zero(df), df, run + c);
    });
}

void add_gradient_sums(const GradientSums& a) {
    with_element_type(a.dtype, [&](auto type) {
        using E = decltype(type);
        with_mask(a, [&](auto mask) {
            constexpr Mask m = mask();
            if (a.dx == nullptr)
                return a.g != nullptr ? add_sums_of_rows<E, m, true, false>(a)
                                      : add_sums_of_rows<E, m, false, false>(a);
            a.g != nullptr ? add_sums_of_rows<E, m, true, true>(a) : add_sums_of_rows<E, m, false, true>(a);
        });
    });
}

void finish_gradients(const UnitSums& sums, const SplitFactors& a) {
    for_each_block<double, 1>(sums.C, [&](auto d, auto, int64_t c) HWY_ATTR {
        const hn::Rebind<float, decltype(d)> df;
        const auto inverse = hn::PromoteTo(d, hn::LoadU(df, a.inv_std + c));
        const auto sum_g = total_of_units(d, sums, 0, c);
        const auto sum_gx = hn::Mul(total_of_units(d, sums, 1, c), inverse);
        const auto of_g = hn::Mul(hn::PromoteTo(d, hn::LoadU(df, a.gamma + c)), inverse);
        const auto share = hn::Mul(of_g, hn::Set(d, -1.0 / a.count));
        hn::StoreU(hn::DemoteTo(df, of_g), df, a.of_g + c);
        hn::StoreU(hn::DemoteTo(df, hn::Mul(hn::Mul(share, inverse), sum_gx)), df, a.of_x + c);
        hn::StoreU(hn::DemoteTo(df, hn::Mul(share, sum_g)), df, a.constant + c);
        hn::StoreU(hn::Add(hn::LoadU(d, a.of_beta + c), sum_g), d, a.of_beta + c);
        hn::StoreU(hn::Add(hn::LoadU(d, a.of_gamma + c), sum_gx), d, a.of_gamma + c);
    });
}

template <class E, Mask mask>
void gradient_of_rows(const GradientOfX& a) {
    const auto *x = static_cast<const E*>(a.x), *y = static_cast<const E*>(a.y), *dy = static_cast<const E*>(a.dy);
    auto* dx = static_cast<E*>(a.dx);
    for_each_tile<float, kFloatVectors>(
        a.rows, a.width, [=](auto d, auto unroll, int64_t c, const Tile& tile) HWY_ATTR {
            const auto mean = load_channels(d, unroll, a.mean + c), of_g = load_channels(d, unroll, a.of_g + c),
                       of_x = load_channels(d, unroll, a.of_x + c), constant = load_channels(d, unroll, a.constant + c);
            for_each_row(d, unroll, tile, [&](int u, int64_t i) HWY_ATTR {
                const auto g = masked<mask>(d, load_elements(d, dy + i), y, a.signs, i);
                const auto centred = hn::Sub(load_elements(d, x + i), mean.v[u]);
                store_elements(d, hn::MulAdd(g, of_g.v[u], hn::MulAdd(centred, of_x.v[u], constant.v[u])), dx + i);
            });
        });
}

void gradient_of_x(const GradientOfX& a) {
    with_element_type(a.dtype, [&](auto type) {
        using E = decltype(type);
        with_mask(a, [&](auto mask) { gradient_of_rows<E, mask()>(a); });
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {
namespace {

HWY_EXPORT(add_gradient_sums);
HWY_EXPORT(end_run);
HWY_EXPORT(finish_gradients);
HWY_EXPORT(gradient_of_x);

/// The per-channel factors of the second pass, `width` each; S sets of them.
struct Factors {
    float *mean, *of_g, *of_x, *constant;

    Factors(float* memory, int64_t s, int64_t width)
        : mean(memory + 4 * s * width), of_g(mean + width), of_x(of_g + width), constant(of_x + width) {}
};

/// The first pass over one unit's samples. a: the pointers of the whole tensor, and a run of zeros.
void add_unit(const GradientSums& a, const BatchNormUnits& units, int64_t unit, const FoldedRows& folded,
              int64_t sample, double* sums) {
    const auto kernel = HWY_DYNAMIC_DISPATCH(add_gradient_sums);
    const auto end = HWY_DYNAMIC_DISPATCH(end_run);
    std::fill_n(sums, 2 * folded.width, 0.0);
    int64_t in_run = 0;
    for (int64_t j = units.begin(unit); j < units.end(unit); ++j) {
        const int64_t n = units.split(unit) + units.S * j;
        if (j + 1 < units.end(unit)) {
            fetch_sample<Access::read>(a.dtype, a.x, n + units.S, sample);
            fetch_sample<Access::read>(a.dtype, a.dy, n + units.S, sample);
        }
        for (int64_t row = 0; row < folded.rows; row += kRunRows) {
            const int64_t i = n * sample + row * folded.width, rows = std::min(kRunRows, folded.rows - row);
            if (in_run + rows > kRunRows) {
                end(a.sum, sums, 2 * folded.width);
                in_run = 0;
            }
            in_run += rows;
            kernel({a.dtype, element(a.dtype, a.x, i), element(a.dtype, a.y, i), element(a.dtype, a.dy, i),
                    signs_of(a.signs, i), element(a.dtype, a.g, i), element(a.dtype, a.dx, i), a.of_g, a.mean, a.sum,
                    a.dot, rows, folded.width});
        }
    }
    end(a.sum, sums, 2 * folded.width);
}

}  // namespace

void CpuBackend::batch_norm_backward(const BatchNormDims& d, const void* x, const void* y, const uint8_t* signs,
                                     const float* gamma, const float* mean, const float* inv_std, const void* dy,
                                     void* dx, float* dgamma, float* dbeta, void* dresidual) {
    const FoldedRows folded = fold_rows(d);
    const BatchNormUnits units(d);
    const int64_t sample = d.HW * d.C, width = folded.width;
    if (d.activation == Activation::none || signs != nullptr) y = nullptr;

    Scratch<float> factors(memory_, d.S * 4 * width);
    for (int64_t s = 0; s < d.S; ++s) {
        const Factors at(factors.get(), s, width);
        std::copy_n(mean + s * d.C, d.C, at.mean);
        repeat_channels(at.mean, 1, folded, d.C);
    }

    const bool given = d.statistics == Statistics::given;
    const Factors first_split(factors.get(), 0, width);  // the only one where statistics are given
    if (given) {
        for (int64_t c = 0; c < d.C; ++c) first_split.of_g[c] = gamma[c] * inv_std[c];
        repeat_channels(first_split.of_g, 1, folded, d.C);
    }

    Scratch<double> partials(memory_, units.count() * 2 * width);
    const bool small = d.count() < 2 * kElementGrain;
    parallel_for(
        units.count(), small ? units.count() : 1,
        [&](int64_t first, int64_t last) {
            Scratch<float> run(memory_, 2 * width);
            std::fill_n(run.get(), 2 * width, 0.0f);
            for (int64_t unit = first; unit < last; ++unit) {
                const float* unit_mean = Factors(factors.get(), units.split(unit), width).mean;
                GradientSums a{d.dtype,
                               x,
                               y,
                               dy,
                               signs,
                               dresidual,
                               given ? dx : nullptr,
                               first_split.of_g,
                               unit_mean,
                               run.get(),
                               run.get() + width,
                               0,
                               width};
                add_unit(a, units, unit, folded, sample, partials.get() + unit * 2 * width);
            }
        },
        PieceOrder::last_to_first);

    Scratch<double> of_splits(memory_, 2 * d.C);
    std::fill_n(of_splits.get(), 2 * d.C, 0.0);
    const double count = given ? std::numeric_limits<double>::infinity()  // the factors are then those of dx = g * of_g
                               : static_cast<double>(d.samples_per_split() * d.HW);
    for (int64_t s = 0; s < d.S; ++s) {
        const Factors at(factors.get(), s, width);
        HWY_DYNAMIC_DISPATCH(finish_gradients)
        (UnitSums(units, folded, d.C, partials.get(), s),
         {count, gamma, inv_std + s * d.C, at.of_g, at.of_x, at.constant, of_splits.get(), of_splits.get() + d.C});
        repeat_channels(at.of_g, 3, folded, d.C);
    }
    for (int64_t c = 0; c < d.C; ++c) {
        if (dbeta != nullptr) dbeta[c] = static_cast<float>(of_splits[c]);
        if (dgamma != nullptr) dgamma[c] = static_cast<float>(of_splits[d.C + c]);
    }
    if (dx == nullptr || given) return;

    // Where the first pass wrote g, reading that spares reading y and dy again.
    const void* g = dresidual != nullptr ? dresidual : dy;
    if (dresidual != nullptr) y = nullptr, signs = nullptr;
    const auto kernel = HWY_DYNAMIC_DISPATCH(gradient_of_x);
    parallel_for(d.N, row_grain(d.N, sample), [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; ++n) {
            const int64_t i = n * sample;
            const Factors at(factors.get(), n % d.S, width);
            kernel({d.dtype, element(d.dtype, x, i), element(d.dtype, y, i), element(d.dtype, g, i), signs_of(signs, i),
                    element(d.dtype, dx, i), at.mean, at.of_g, at.of_x, at.constant, folded.rows, width});
        }
    });
}

}  // namespace moco::cpu
#endif
