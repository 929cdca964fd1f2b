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

/// A two-dimensional transform: first down each column, InH values to OutH, then along each row. load(row, column)
/// gives InH x InW vectors, store(row, column, vector) takes OutH x OutW.
template <int InH, int InW, int OutH, int OutW, typename Down, typename Along, typename Load, typename Store>
HWY_INLINE void transform_axes(const Down& down, const Along& along, const Load& load, const Store& store) {
    FloatVector columns[InW][OutH];
#pragma GCC unroll 6
    for (int w = 0; w < InW; ++w) {
        FloatVector in[InH];
#pragma GCC unroll 6
        for (int h = 0; h < InH; ++h) in[h] = load(h, w);
        down(in, columns[w]);
    }
#pragma GCC unroll 6
    for (int h = 0; h < OutH; ++h) {
        FloatVector in[InW], out[OutW];
#pragma GCC unroll 6
        for (int w = 0; w < InW; ++w) in[w] = columns[w][h];
        along(in, out);
#pragma GCC unroll 6
        for (int w = 0; w < OutW; ++w) store(h, w, out[w]);
    }
}

/// The same transform along both axes.
template <int In, int Out, typename Transform, typename Load, typename Store>
HWY_INLINE void transform_2d(const Transform& transform_1d, const Load& load, const Store& store) {
    transform_axes<In, In, Out, Out>(transform_1d, transform_1d, load, store);
}

/// How a loop over channels touches memory: whole vectors, or the first `lanes` floats of one.
struct WholeVector {
    static HWY_INLINE FloatVector load(const float* from) { return hn::LoadU(FloatTag(), from); }
    static HWY_INLINE void store(FloatVector vector, float* to) { hn::StoreU(vector, FloatTag(), to); }
};
struct PartOfVector {
    int64_t lanes;
    /// The rest is zero.
    HWY_INLINE FloatVector load(const float* from) const {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
        return hn::MaskedLoad(hn::FirstN(FloatTag(), static_cast<size_t>(lanes)), FloatTag(), from);
#else  // elsewhere a masked load may read beyond the mask
        HWY_ALIGN float buffer[kLanes] = {};
        std::memcpy(buffer, from, static_cast<size_t>(lanes) * sizeof(float));
        return hn::Load(FloatTag(), buffer);
#endif
    }
    HWY_INLINE void store(FloatVector vector, float* to) const {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
        hn::BlendedStore(vector, hn::FirstN(FloatTag(), static_cast<size_t>(lanes)), FloatTag(), to);
#else
        HWY_ALIGN float buffer[kLanes];
        hn::Store(vector, FloatTag(), buffer);
        std::memcpy(to, buffer, static_cast<size_t>(lanes) * sizeof(float));
#endif
    }
};

/// Calls f(channel, access) for every vector of channels.
template <typename F>
HWY_INLINE void for_each_vector(int64_t channels, const F& f) {
    int64_t c = 0;
    for (; c + kLanes <= channels; c += kLanes) f(c, WholeVector());
    if (c < channels) f(c, PartOfVector{channels - c});
}

/// The most pixels that extend_tile makes up, and their distance in floats.
inline constexpr int64_t kExtendedPixels = 2 * kTileIn;
HWY_INLINE int64_t extended_pixel(int64_t channels) {
    return divide_up(channels, kLanes) * kLanes;
}

/// One axis of extend_tile: of pixels `step` apart, along six lines that lie `across` apart. Returns the unused memory.
HWY_INLINE float* extend_axis(int64_t results, int64_t step, int64_t across, const float** pixels, int64_t channels,
                              float* memory) {
    if (results > 2) return memory;
    for (int i = 0; i < kTileIn; ++i, pixels += across, memory += extended_pixel(channels)) {
        const float *first = pixels[0], *second = pixels[step], *third = pixels[2 * step];
        for_each_vector(channels, [=](int64_t c, const auto access) HWY_ATTR {
            const FloatVector value = results == 2
                                          ? hn::MulSub(constant(2.5f), access.load(third + c), access.load(first + c))
                                          : hn::Mul(constant(0.5f), access.load(second + c));
            hn::StoreU(value, FloatTag(), memory + c);
        });
        pixels[(results == 2 ? 4 : 3) * step] = memory;
    }
    return memory;
}

/// Of a tile's 6x6 pixels, replaces those beyond the image that none of its results sees by such that the transformed
/// tile is zero at the points that needs_point leaves out. With B^T above: two results need neither 0 (the fifth pixel
/// is 5/2 of the third minus the first) nor infinity (the sixth, which no other point sees); one, which sees a padded
/// third pixel, needs neither +-b (the fourth is half the second, the fifth half the third) nor infinity.
/// memory: kExtendedPixels of extended_pixel(channels) floats, in use as long as the pixels are.
HWY_INLINE void extend_tile(const TileCursor& tile, const float** pixels, int64_t channels, float* memory) {
    memory = extend_axis(tile.result_rows(), kTileIn, 1, pixels, channels, memory);
    extend_axis(tile.result_columns(), 1, kTileIn, pixels, channels, memory);
}

// One vector of channels of the two functions below. Not inlined: in their loops the compiler would keep all 72
// addresses from one round to the next, in memory, and take longer to fetch them than to compute them.
template <int In, typename Transform, typename Access>
HWY_NOINLINE void scatter_vector(const Transform transform_1d, const float* const* pixels, int64_t c, float* points,
                                 int64_t point, const Access access) {
    transform_2d<In, 6>(
        transform_1d, [=](int h, int w) HWY_ATTR { return access.load(pixels[h * In + w] + c); },
        [=](int h, int w, FloatVector value)
            HWY_ATTR { hn::StoreU(value, FloatTag(), points + (h * 6 + w) * point + c); });
}
template <int Out, typename Transform, typename Access>
HWY_NOINLINE void gather_vector(const Transform transform_1d, const float* points, int64_t point, int64_t c,
                                float* const* pixels, const Access access) {
    transform_2d<6, Out>(
        transform_1d, [=](int h, int w) HWY_ATTR { return hn::LoadU(FloatTag(), points + (h * 6 + w) * point + c); },
        [=](int h, int w, FloatVector value) HWY_ATTR { access.store(value, pixels[h * Out + w] + c); });
}

/// Transforms In x In pixels of all channels to 36 points, `point` floats apart.
template <int In, typename Transform>
HWY_INLINE void scatter_to_points(const Transform transform_1d, const float* const* pixels, int64_t channels,
                                  float* points, int64_t point) {
    for_each_vector(channels, [=](int64_t c, const auto access)
                                  HWY_ATTR { scatter_vector<In>(transform_1d, pixels, c, points, point, access); });
}

/// Transforms 36 points, `point` floats apart, back to Out x Out pixels of all channels.
template <int Out, typename Transform>
HWY_INLINE void gather_from_points(const Transform transform_1d, const float* points, int64_t point, int64_t channels,
                                   float* const* pixels) {
    for_each_vector(channels, [=](int64_t c, const auto access)
                                  HWY_ATTR { gather_vector<Out>(transform_1d, points, point, c, pixels, access); });
}

}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // MOCO_CPU_WINOGRAD_TRANSFORMS_INL_H
