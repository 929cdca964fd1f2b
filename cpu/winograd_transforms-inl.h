// The transforms of Winograd's F(4x4,3x3) at the points 0, +-a, +-b, infinity, on vectors of channels.
//
// With a = sqrt(1/2), b = sqrt(2), in the usual names Y = A^T [(G g G^T) .* (B^T d B)] A:
//
//         1  0  -5/2   0   1  0            1     0      0                1   1   1   1   1   0
//         0 -b   -2    a   1  0          -2/3 -2/3 a  -1/3        A^T =  0   a  -a   b  -b   0
//   B^T = 0  b   -2   -a   1  0      G = -2/3  2/3 a  -1/3               0  1/2 1/2  2   2   0
//         0 -a  -1/2   b   1  0           1/6  1/6 b   1/3               0  a/2 -a/2 2b -2b  1
//         0  a  -1/2  -b   1  0           1/6 -1/6 b   1/3
//         0  1    0  -5/2  0  1            0     0      1
//
// The gradient of the weights is G^T [(A dy A^T) .* (B^T d B)] G. Each transform is one of the *_1d functions on the
// columns, then on the rows.
#if defined(MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H
#undef MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H
#else
#define MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

#include "cpu/microkernel-inl.h"
#include "cpu/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
inline constexpr float kA = 0.70710678118654752440f;
inline constexpr float kB = 1.41421356237309504880f;

HWY_INLINE FloatVector constant(float value) {
    return hn::Set(FloatTag(), value);
}

/// t = B^T d
HWY_INLINE void input_1d(const FloatVector (&d)[6], FloatVector (&t)[6]) {
    const FloatVector even_a = hn::NegMulAdd(constant(2.0f), d[2], d[4]);
    const FloatVector odd_a = hn::NegMulAdd(constant(kB), d[1], hn::Mul(constant(kA), d[3]));
    const FloatVector even_b = hn::NegMulAdd(constant(0.5f), d[2], d[4]);
    const FloatVector odd_b = hn::NegMulAdd(constant(kA), d[1], hn::Mul(constant(kB), d[3]));
    t[0] = hn::NegMulAdd(constant(2.5f), d[2], hn::Add(d[0], d[4]));
    t[1] = hn::Add(even_a, odd_a);
    t[2] = hn::Sub(even_a, odd_a);
    t[3] = hn::Add(even_b, odd_b);
    t[4] = hn::Sub(even_b, odd_b);
    t[5] = hn::NegMulAdd(constant(2.5f), d[3], hn::Add(d[1], d[5]));
}

/// y = A^T m
HWY_INLINE void output_1d(const FloatVector (&m)[6], FloatVector (&y)[4]) {
    const FloatVector sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
    const FloatVector sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], sum_a), sum_b);
    y[1] = hn::MulAdd(constant(kA), difference_a, hn::Mul(constant(kB), difference_b));
    y[2] = hn::MulAdd(constant(0.5f), sum_a, hn::Add(sum_b, sum_b));
    y[3] = hn::MulAdd(constant(kA / 2), difference_a, hn::MulAdd(constant(kB * 2), difference_b, m[5]));
}

/// t = A y
HWY_INLINE void gradient_1d(const FloatVector (&y)[4], FloatVector (&t)[6]) {
    const FloatVector even_a = hn::MulAdd(constant(0.5f), y[2], y[0]);
    const FloatVector odd_a = hn::MulAdd(constant(kA / 2), y[3], hn::Mul(constant(kA), y[1]));
    const FloatVector even_b = hn::MulAdd(constant(2.0f), y[2], y[0]);
    const FloatVector odd_b = hn::MulAdd(constant(kB * 2), y[3], hn::Mul(constant(kB), y[1]));
    t[0] = y[0];
    t[1] = hn::Add(even_a, odd_a);
    t[2] = hn::Sub(even_a, odd_a);
    t[3] = hn::Add(even_b, odd_b);
    t[4] = hn::Sub(even_b, odd_b);
    t[5] = y[3];
}

/// u = G g
HWY_INLINE void weight_1d(const FloatVector (&g)[3], FloatVector (&u)[6]) {
    const FloatVector even_a = hn::MulAdd(constant(-1.0f / 3), g[2], hn::Mul(constant(-2.0f / 3), g[0]));
    const FloatVector odd_a = hn::Mul(constant(-2.0f / 3 * kA), g[1]);
    const FloatVector even_b = hn::MulAdd(constant(1.0f / 3), g[2], hn::Mul(constant(1.0f / 6), g[0]));
    const FloatVector odd_b = hn::Mul(constant(kB / 6), g[1]);
    u[0] = g[0];
    u[1] = hn::Add(even_a, odd_a);
    u[2] = hn::Sub(even_a, odd_a);
    u[3] = hn::Add(even_b, odd_b);
    u[4] = hn::Sub(even_b, odd_b);
    u[5] = g[2];
}

/// g = G^T u
HWY_INLINE void weight_gradient_1d(const FloatVector (&u)[6], FloatVector (&g)[3]) {
    const FloatVector sum_a = hn::Add(u[1], u[2]), difference_a = hn::Sub(u[1], u[2]);
    const FloatVector sum_b = hn::Add(u[3], u[4]), difference_b = hn::Sub(u[3], u[4]);
    g[0] = hn::MulAdd(constant(-2.0f / 3), sum_a, hn::MulAdd(constant(1.0f / 6), sum_b, u[0]));
    g[1] = hn::MulAdd(constant(-2.0f / 3 * kA), difference_a, hn::Mul(constant(kB / 6), difference_b));
    g[2] = hn::MulAdd(constant(-1.0f / 3), sum_a, hn::MulAdd(constant(1.0f / 3), sum_b, u[5]));
}

/// The two-dimensional transform: load(row, column) gives In x In vectors, store(row, column, vector) takes Out x Out.
template <int In, int Out, typename Transform, typename Load, typename Store>
HWY_INLINE void transform_2d(const Transform& transform_1d, const Load& load, const Store& store) {
    FloatVector columns[In][Out];
#pragma GCC unroll 6
    for (int w = 0; w < In; ++w) {
        FloatVector in[In];
#pragma GCC unroll 6
        for (int h = 0; h < In; ++h) in[h] = load(h, w);
        transform_1d(in, columns[w]);
    }
#pragma GCC unroll 6
    for (int h = 0; h < Out; ++h) {
        FloatVector in[In], out[Out];
#pragma GCC unroll 6
        for (int w = 0; w < In; ++w) in[w] = columns[w][h];
        transform_1d(in, out);
#pragma GCC unroll 6
        for (int w = 0; w < Out; ++w) store(h, w, out[w]);
    }
}

/// A vector of `lanes` floats, the rest zero; never reads beyond them.
HWY_INLINE FloatVector load_some(const float* from, int64_t lanes) {
    HWY_ALIGN float buffer[kLanes] = {};
    std::memcpy(buffer, from, static_cast<size_t>(lanes) * sizeof(float));
    return hn::Load(FloatTag(), buffer);
}

/// Stores `lanes` floats only.
HWY_INLINE void store_some(FloatVector vector, float* to, int64_t lanes) {
    HWY_ALIGN float buffer[kLanes];
    hn::Store(vector, FloatTag(), buffer);
    std::memcpy(to, buffer, static_cast<size_t>(lanes) * sizeof(float));
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H
