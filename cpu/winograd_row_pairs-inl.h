// Two of the six rows of points at a time, for the gradient of the weights: transforming x and dy there, and back.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_WINOGRAD_ROW_PAIRS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_ROW_PAIRS_INL_H
#undef MOCO_CPU_WINOGRAD_ROW_PAIRS_INL_H
#else
#define MOCO_CPU_WINOGRAD_ROW_PAIRS_INL_H
#endif

#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Which two rows of points: those of 0 and infinity, of +-a, of +-b. The rows of +-p are an even part plus and minus
/// an odd part, so that they share most of their work.
enum class RowPair { ends, a, b };

inline constexpr int kPairPoints = 2 * kTileIn;

/// Of the 36 points, the one that is number `i` of a pair's.
template <RowPair pair>
constexpr int point_of(int i) {
    constexpr int first[] = {0, 1, 3}, second[] = {5, 2, 4};
    return (i < kTileIn ? first : second)[static_cast<int>(pair)] * kTileIn + i % kTileIn;
}

/// The pair of rows of B^T d: first and second are d's columns transformed; load(h, w) gives d.
template <RowPair pair, typename Load>
HWY_INLINE void input_rows(const Load& load, FloatVector (&first)[6], FloatVector (&second)[6]) {
#pragma GCC unroll 6
    for (int w = 0; w < 6; ++w) {
        if constexpr (pair == RowPair::ends) {
            first[w] = hn::NegMulAdd(constant(2.5f), load(2, w), hn::Add(load(0, w), load(4, w)));
            second[w] = hn::NegMulAdd(constant(2.5f), load(3, w), hn::Add(load(1, w), load(5, w)));
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector even = hn::NegMulAdd(constant(is_a ? 2.0f : 0.5f), load(2, w), load(4, w));
            const FloatVector odd =
                hn::NegMulAdd(constant(is_a ? kB : kA), load(1, w), hn::Mul(constant(is_a ? kA : kB), load(3, w)));
            first[w] = hn::Add(even, odd);
            second[w] = hn::Sub(even, odd);
        }
    }
}

/// The pair of rows of A y.
template <RowPair pair, typename Load>
HWY_INLINE void gradient_rows(const Load& load, FloatVector (&first)[4], FloatVector (&second)[4]) {
#pragma GCC unroll 4
    for (int w = 0; w < 4; ++w) {
        if constexpr (pair == RowPair::ends) {
            first[w] = load(0, w);
            second[w] = load(3, w);
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector even = hn::MulAdd(constant(is_a ? 0.5f : 2.0f), load(2, w), load(0, w));
            const FloatVector odd =
                hn::MulAdd(constant(is_a ? kA / 2 : kB * 2), load(3, w), hn::Mul(constant(is_a ? kA : kB), load(1, w)));
            first[w] = hn::Add(even, odd);
            second[w] = hn::Sub(even, odd);
        }
    }
}

/// Adds what a pair of rows contributes to the nine taps of G^T u G, `tap` floats apart.
template <RowPair pair, typename Access>
HWY_INLINE void add_to_taps(const FloatVector (&first)[6], const FloatVector (&second)[6], Store store, float* dweight,
                            int64_t tap, const Access access) {
    FloatVector f[3], s[3];
    weight_gradient_1d(first, f);
    weight_gradient_1d(second, s);
#pragma GCC unroll 3
    for (int w = 0; w < 3; ++w) {
        float* to = dweight + w * tap;
        const auto add = [=](int h, FloatVector value) HWY_ATTR {
            float* place = to + h * 3 * tap;
            access.store(store == Store::add ? hn::Add(value, access.load(place)) : value, place);
        };
        if constexpr (pair == RowPair::ends) {
            add(0, f[w]);
            if (store == Store::replace) add(1, hn::Zero(FloatTag()));
            add(2, s[w]);
        } else {
            constexpr bool is_a = pair == RowPair::a;
            const FloatVector sum = hn::Add(f[w], s[w]), difference = hn::Sub(f[w], s[w]);
            add(0, hn::Mul(constant(is_a ? -2.0f / 3 : 1.0f / 6), sum));
            add(1, hn::Mul(constant(is_a ? -2.0f / 3 * kA : kB / 6), difference));
            add(2, hn::Mul(constant(is_a ? -1.0f / 3 : 1.0f / 3), sum));
        }
    }
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // the toggled include guard
