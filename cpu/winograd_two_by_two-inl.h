// The minimal filter of 2x2 images, on vectors of channels.
//
// Along an axis, y0 = w1 x0 + w2 x1 and y1 = w0 x0 + w1 x1: a Toeplitz matrix, whose diagonal w1 meets x0 + x1 for both
// results, so that three products do for four:
//
//   y0 = w1 (x0 + x1) + (w2 - w1) x1        1 1          0 1 0
//   y1 = w1 (x0 + x1) + (w0 - w1) x0  B^T = 1 0    G =   1 -1 0   A^T = 1 0 1
//                                           0 1          0 -1 1         1 1 0
//
// with Y = A^T [(G g G^T) .* (B^T d B)] A for both axes (see winograd_transforms-inl.h), and the gradient of the
// weights G^T [(A dy A^T) .* (B^T d B)] G. There is nothing to scale, so the errors are small.
//
// Included by files compiled once a target (cpu/simd.h).
#if defined(MOCO_CPU_WINOGRAD_TWO_BY_TWO_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef MOCO_CPU_WINOGRAD_TWO_BY_TWO_INL_H
#undef MOCO_CPU_WINOGRAD_TWO_BY_TWO_INL_H
#else
#define MOCO_CPU_WINOGRAD_TWO_BY_TWO_INL_H
#endif

#include "cpu/winograd_transforms-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {

/// Points along an axis.
inline constexpr int kTwoByTwoAlong = 3;

/// t = B^T d
struct TwoByTwoInput {
    HWY_INLINE void operator()(const FloatVector (&d)[2], FloatVector (&t)[3]) const {
        t[0] = hn::Add(d[0], d[1]);
        t[1] = d[0];
        t[2] = d[1];
    }
};
/// u = G g
struct TwoByTwoWeight {
    HWY_INLINE void operator()(const FloatVector (&g)[3], FloatVector (&u)[3]) const {
        u[0] = g[1];
        u[1] = hn::Sub(g[0], g[1]);
        u[2] = hn::Sub(g[2], g[1]);
    }
};
/// y = A^T m
struct TwoByTwoOutput {
    HWY_INLINE void operator()(const FloatVector (&m)[3], FloatVector (&y)[2]) const {
        y[0] = hn::Add(m[0], m[2]);
        y[1] = hn::Add(m[0], m[1]);
    }
};
/// t = A y
struct TwoByTwoGradient {
    HWY_INLINE void operator()(const FloatVector (&y)[2], FloatVector (&t)[3]) const {
        t[0] = hn::Add(y[0], y[1]);
        t[1] = y[1];
        t[2] = y[0];
    }
};
/// g = G^T u
struct TwoByTwoWeightGradient {
    HWY_INLINE void operator()(const FloatVector (&u)[3], FloatVector (&g)[3]) const {
        g[0] = u[1];
        g[1] = hn::Sub(u[0], hn::Add(u[1], u[2]));
        g[2] = u[2];
    }
};

/// Transforms an image's 2x2 pixels to the points, `point` floats apart. from, to: those of a vector of channels.
template <typename Transform, typename Access>
HWY_INLINE void scatter_image(const Transform& transform, const float* from, int64_t channels, float* to, int64_t point,
                              const Access& access) {
    transform_2d<2, kTwoByTwoAlong>(
        transform, [=](int h, int w) HWY_ATTR { return access.load(from + (h * 2 + w) * channels); },
        [=](int h, int w, FloatVector value)
            HWY_ATTR { hn::StoreU(value, FloatTag(), to + (h * kTwoByTwoAlong + w) * point); });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_TWO_BY_TWO_INL_H
