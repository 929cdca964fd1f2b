// Winograd's filtering for 3x3 windows with stride 2: phases, points and transforms, on vectors of channels.
//
// Along an axis, y[o] = w0 x[2o-1] + w1 x[2o] + w2 x[2o+1]: of the pixels with odd index a filter of two taps, of those
// with even index one of a single tap, both with stride 1. Four results of F(4,2) need five products, at the points
// +-a, +-b and infinity, four of F(4,1) the first four of them. So a 4x4 tile sums over the four phases of its pixels
// (rows odd or even, columns odd or even), with 81 products a channel pair instead of 144, and all phases meet in the
// same 25 points: one transform back serves them all. Backward for the data the phases are those of the results
// instead.
//
// With a = sqrt(1/2), b = sqrt(2), Y = A^T [(G g G^T) .* (B^T d B)] A (see winograd_transforms-inl.h):
//
//         -a b^2  -b^2   a  1  0           -b/3 -1/3           1  1  1  1  0
//   B^T =  a b^2  -b^2  -a  1  0      G =   b/3 -1/3    A^T =  a -a  b -b  0
//         -b a^2  -a^2   b  1  0            a/3  1/3          1/2 1/2 2 2  0
//          b a^2  -a^2  -b  1  0           -a/3  1/3          a/2 -a/2 2b -2b 1
//            1      0  -5/2 0  1             0    1
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_WINOGRAD_STRIDED_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_STRIDED_INL_H
#undef MOCO_CPU_WINOGRAD_STRIDED_INL_H
#else
#define MOCO_CPU_WINOGRAD_STRIDED_INL_H
#endif

#include <type_traits>

#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Points along an axis and of a tile; a phase of one tap has no use for the last, infinity.
inline constexpr int kStridedAlong = 5;
inline constexpr int kStridedPoints = kStridedAlong * kStridedAlong;

/// The pixels of an axis with odd index, which two taps see, or with even, which one does.
enum class Phase { odd, even };
inline constexpr int kPhases = 4;

constexpr int taps_of(Phase phase) {
    return phase == Phase::odd ? 2 : 1;
}
constexpr int points_of(Phase phase) {
    return kTileOut + taps_of(phase) - 1;
}
/// The number of a pair of phases, from 0.
constexpr int phase_index(Phase row, Phase column) {
    return 2 * static_cast<int>(row) + static_cast<int>(column);
}
/// Where the taps of a phase stand among the three. Backward for the data the window is turned over.
constexpr int tap_of(Phase phase, int i, bool turned) {
    return phase == Phase::even ? 1 : 2 * (turned ? 1 - i : i);
}

/// Whether the pair of phases `index` has a product at a point.
constexpr bool has_point(int index, int point) {
    const bool last_row = point / kStridedAlong == kStridedAlong - 1,
               last_column = point % kStridedAlong == kStridedAlong - 1;
    return (index < 2 || !last_row) && (index % 2 == 0 || !last_column);
}
/// How many pairs of phases with a number below `index` have a product at a point; with kPhases: how many in all.
constexpr int phases_before(int index, int point) {
    int count = 0;
    for (int i = 0; i < index; ++i) count += has_point(i, point);
    return count;
}

/// Whether a tile with `results` results (1..kTileOut) along an axis needs the products at its point i (strided_input).
constexpr bool needs_strided_point(int64_t results, int64_t i) {
    constexpr bool needed[kTileOut][kStridedAlong] = {
        {true, true}, {true, true, false, true}, {true, true, true, true}, {true, true, true, true, true}};
    return needed[results - 1][i];
}

/// Calls f(row, column) with the phases of each pair as constants, in the order of their numbers.
template <typename F>
HWY_INLINE void for_each_phase(const F& f) {
    using Odd = std::integral_constant<Phase, Phase::odd>;
    using Even = std::integral_constant<Phase, Phase::even>;
    f(Odd(), Odd());
    f(Odd(), Even());
    f(Even(), Odd());
    f(Even(), Even());
}

/// Asks for all channels of `count` pixels.
HWY_INLINE void prefetch_pixels(const float* const* pixels, int count, int64_t channels) {
    for (int i = 0; i < count; ++i)
        for (int64_t c = 0; c < channels; c += 16) __builtin_prefetch(pixels[i] + c, 0, 3);
}

/// t = B^T d, for a tile with `results` results along the axis. Pixels that none of them sees are replaced by such that
/// t is zero where needs_strided_point says so: at infinity for three results; at b too for two; at -b too for one.
template <int P>
HWY_INLINE void strided_input(const FloatVector (&d)[P], FloatVector (&t)[P], int64_t results) {
    const FloatVector half = constant(0.5f), d2 = results == 1 ? hn::Mul(half, d[0]) : d[2];
    const FloatVector even_a = hn::NegMulAdd(constant(2.0f), d[0], d2), even_b = hn::NegMulAdd(half, d[0], d2);
    const FloatVector d3 = results <= 2 ? hn::NegMulAdd(constant(kB), even_b, hn::Mul(half, d[1])) : d[3];
    const FloatVector odd_a = hn::NegMulAdd(constant(2.0f), d[1], d3), odd_b = hn::NegMulAdd(half, d[1], d3);
    t[0] = hn::MulAdd(constant(kA), even_a, odd_a);
    t[1] = hn::NegMulAdd(constant(kA), even_a, odd_a);
    t[2] = hn::MulAdd(constant(kB), even_b, odd_b);
    t[3] = hn::NegMulAdd(constant(kB), even_b, odd_b);
    if constexpr (P == kStridedAlong) t[4] = hn::NegMulAdd(constant(2.5f), d2, hn::Add(d[0], d[4]));
}

/// y = A^T m
template <int P>
HWY_INLINE void strided_output(const FloatVector (&m)[P], FloatVector (&y)[kTileOut]) {
    const FloatVector sum_a = hn::Add(m[0], m[1]), difference_a = hn::Sub(m[0], m[1]);
    const FloatVector sum_b = hn::Add(m[2], m[3]), difference_b = hn::Sub(m[2], m[3]);
    y[0] = hn::Add(sum_a, sum_b);
    y[1] = hn::MulAdd(constant(kA), difference_a, hn::Mul(constant(kB), difference_b));
    y[2] = hn::MulAdd(constant(0.5f), sum_a, hn::Add(sum_b, sum_b));
    y[3] = hn::MulAdd(constant(kA / 2), difference_a, hn::Mul(constant(kB * 2), difference_b));
    if constexpr (P == kStridedAlong) y[3] = hn::Add(y[3], m[4]);
}

/// t = A y
HWY_INLINE void strided_gradient(const FloatVector (&y)[kTileOut], FloatVector (&t)[kStridedAlong]) {
    const FloatVector even_a = hn::MulAdd(constant(0.5f), y[2], y[0]);
    const FloatVector odd_a = hn::MulAdd(constant(kA / 2), y[3], hn::Mul(constant(kA), y[1]));
    const FloatVector even_b = hn::MulAdd(constant(2.0f), y[2], y[0]);
    const FloatVector odd_b = hn::MulAdd(constant(kB * 2), y[3], hn::Mul(constant(kB), y[1]));
    t[0] = hn::Add(even_a, odd_a);
    t[1] = hn::Sub(even_a, odd_a);
    t[2] = hn::Add(even_b, odd_b);
    t[3] = hn::Sub(even_b, odd_b);
    t[4] = y[3];
}

/// u = G g
HWY_INLINE void strided_weight(const FloatVector (&g)[2], FloatVector (&u)[5]) {
    const FloatVector third = hn::Mul(constant(1.0f / 3), g[1]);
    u[0] = hn::NegMulSub(constant(kB / 3), g[0], third);
    u[1] = hn::MulSub(constant(kB / 3), g[0], third);
    u[2] = hn::MulAdd(constant(kA / 3), g[0], third);
    u[3] = hn::NegMulAdd(constant(kA / 3), g[0], third);
    u[4] = g[1];
}
HWY_INLINE void strided_weight(const FloatVector (&g)[1], FloatVector (&u)[4]) {
    u[1] = hn::Mul(constant(kB / 3), g[0]);
    u[2] = hn::Mul(constant(kA / 3), g[0]);
    u[0] = hn::Neg(u[1]);
    u[3] = hn::Neg(u[2]);
}

/// g = G^T u
template <int P>
HWY_INLINE void strided_weight_gradient(const FloatVector (&u)[P], FloatVector (&g)[P - kTileOut + 1]) {
    const FloatVector difference_a = hn::Sub(u[1], u[0]), difference_b = hn::Sub(u[2], u[3]);
    g[0] = hn::MulAdd(constant(kB / 3), difference_a, hn::Mul(constant(kA / 3), difference_b));
    if constexpr (P == kStridedAlong) {
        const FloatVector sum_a = hn::Add(u[0], u[1]), sum_b = hn::Add(u[2], u[3]);
        g[1] = hn::MulAdd(constant(1.0f / 3), hn::Sub(sum_b, sum_a), u[4]);
    }
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_STRIDED_INL_H
