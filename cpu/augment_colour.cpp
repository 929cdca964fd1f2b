// Colour operators on planes of floats, as torchvision computes them on tensors, and the step out of the planes.
#include <algorithm>

#include "cpu/augment_pixels.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/augment_colour.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

template <class D, class V = hn::Vec<D>>
HWY_INLINE V clamp01(D d, V x) {
    return hn::Min(hn::Max(x, hn::Zero(d)), hn::Set(d, 1.0f));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gray_of(D d, V r, V g, V b) {
    return hn::MulAdd(hn::Set(d, 0.2989f), r, hn::MulAdd(hn::Set(d, 0.587f), g, hn::Mul(hn::Set(d, 0.114f), b)));
}

/// x = clamp(factor * x + base)
void scale_and_shift(float* x, int64_t count, float factor, float base) {
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto y = hn::MulAdd(hn::LoadU(d, x + i), hn::Set(d, factor), hn::Set(d, base));
        hn::StoreU(clamp01(d, y), d, x + i);
    });
}

/// The sum of the grey image's pixels; of a thousand pixels at a time in float, of those sums in double.
double gray_sum(const float* view, int64_t count, int64_t C) {
    constexpr int64_t kPiece = 1024;
    const hn::ScalableTag<float> d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    double total = 0;
    for (int64_t begin = 0; begin < count; begin += kPiece) {
        const int64_t end = std::min(begin + kPiece, count);
        auto sum = hn::Zero(d);
        int64_t i = begin;
        for (; i + lanes <= end; i += lanes) {
            const auto x = hn::LoadU(d, view + i);
            sum = hn::Add(
                sum, C == 1 ? x : gray_of(d, x, hn::LoadU(d, view + count + i), hn::LoadU(d, view + 2 * count + i)));
        }
        float rest = 0;
        for (; i < end; ++i) {
            rest += C == 1 ? view[i] : 0.2989f * view[i] + 0.587f * view[count + i] + 0.114f * view[2 * count + i];
        }
        total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum))) + rest;
    }
    return total;
}

void saturate(float* rgb, int64_t count, float factor) {
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto r = hn::LoadU(d, rgb + i), g = hn::LoadU(d, rgb + count + i), b = hn::LoadU(d, rgb + 2 * count + i);
        const auto base = hn::Mul(hn::Set(d, 1 - factor), gray_of(d, r, g, b));
        const auto f = hn::Set(d, factor);
        hn::StoreU(clamp01(d, hn::MulAdd(f, r, base)), d, rgb + i);
        hn::StoreU(clamp01(d, hn::MulAdd(f, g, base)), d, rgb + count + i);
        hn::StoreU(clamp01(d, hn::MulAdd(f, b, base)), d, rgb + 2 * count + i);
    });
}

/// Channel at `offset` (5, 3, 1 for R, G, B) of the colour with that hue in sixths of a turn: a trapezoid over the hue.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V channel_of(D d, V hue, float offset, V value, V chroma) {
    const auto x = hn::Add(hue, hn::Set(d, offset));
    const auto k = hn::NegMulAdd(hn::Set(d, 6.0f), hn::Floor(hn::Mul(x, hn::Set(d, 1 / 6.0f))), x);
    const auto share = clamp01(d, hn::Min(k, hn::Sub(hn::Set(d, 4.0f), k)));
    return clamp01(d, hn::NegMulAdd(chroma, share, value));
}

void turn_hue(float* rgb, int64_t count, float turn) {
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto r = hn::LoadU(d, rgb + i), g = hn::LoadU(d, rgb + count + i), b = hn::LoadU(d, rgb + 2 * count + i);
        const auto value = hn::Max(r, hn::Max(g, b)), chroma = hn::Sub(value, hn::Min(r, hn::Min(g, b)));
        const auto coloured = hn::Gt(chroma, hn::Zero(d));
        const auto one = hn::Set(d, 1.0f);
        const auto inverse = hn::IfThenElseZero(coloured, hn::Div(one, hn::IfThenElse(coloured, chroma, one)));
        const auto from_red = hn::Mul(hn::Sub(g, b), inverse);
        const auto from_green = hn::MulAdd(hn::Sub(b, r), inverse, hn::Set(d, 2.0f));
        const auto from_blue = hn::MulAdd(hn::Sub(r, g), inverse, hn::Set(d, 4.0f));
        const auto not_red = hn::IfThenElse(hn::Eq(value, g), from_green, from_blue);
        // 12 sixths more keep it positive.
        const auto hue = hn::Add(hn::IfThenElse(hn::Eq(value, r), from_red, not_red), hn::Set(d, 6 * turn + 12));
        hn::StoreU(channel_of(d, hue, 5, value, chroma), d, rgb + i);
        hn::StoreU(channel_of(d, hue, 3, value, chroma), d, rgb + count + i);
        hn::StoreU(channel_of(d, hue, 1, value, chroma), d, rgb + 2 * count + i);
    });
}

void desaturate(float* rgb, int64_t count) {
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto gray =
            gray_of(d, hn::LoadU(d, rgb + i), hn::LoadU(d, rgb + count + i), hn::LoadU(d, rgb + 2 * count + i));
        for (int64_t c = 0; c < 3; ++c) hn::StoreU(gray, d, rgb + c * count + i);
    });
}

void normalize_grey(const float* view, int64_t count, float mean, float inv_std, float* y) {
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto x = hn::Sub(hn::LoadU(d, view + i), hn::Set(d, mean));
        hn::StoreU(hn::Mul(x, hn::Set(d, inv_std)), d, y + i);
    });
}

void normalize_rgb(const float* view, int64_t count, const float* mean, const float* inv_std, float* y) {
    const float m0 = mean[0], m1 = mean[1], m2 = mean[2], s0 = inv_std[0], s1 = inv_std[1], s2 = inv_std[2];
    for_each_vector(0, count, [=](auto d, int64_t i) HWY_ATTR {
        const auto r = hn::Mul(hn::Sub(hn::LoadU(d, view + i), hn::Set(d, m0)), hn::Set(d, s0));
        const auto g = hn::Mul(hn::Sub(hn::LoadU(d, view + count + i), hn::Set(d, m1)), hn::Set(d, s1));
        const auto b = hn::Mul(hn::Sub(hn::LoadU(d, view + 2 * count + i), hn::Set(d, m2)), hn::Set(d, s2));
        hn::StoreInterleaved3(r, g, b, d, y + 3 * i);
    });
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(scale_and_shift);
HWY_EXPORT(gray_sum);
HWY_EXPORT(saturate);
HWY_EXPORT(turn_hue);
HWY_EXPORT(desaturate);
HWY_EXPORT(normalize_grey);
HWY_EXPORT(normalize_rgb);

void adjust_brightness(float* view, int64_t count, int64_t C, float factor) {
    HWY_DYNAMIC_DISPATCH(scale_and_shift)(view, count * C, factor, 0);
}

void adjust_contrast(float* view, int64_t count, int64_t C, float factor) {
    const double mean = HWY_DYNAMIC_DISPATCH(gray_sum)(view, count, C) / static_cast<double>(count);
    HWY_DYNAMIC_DISPATCH(scale_and_shift)(view, count * C, factor, (1 - factor) * static_cast<float>(mean));
}

void adjust_saturation(float* rgb, int64_t count, float factor) {
    HWY_DYNAMIC_DISPATCH(saturate)(rgb, count, factor);
}

void adjust_hue(float* rgb, int64_t count, float turn) {
    HWY_DYNAMIC_DISPATCH(turn_hue)(rgb, count, turn);
}

void to_grayscale(float* rgb, int64_t count) {
    HWY_DYNAMIC_DISPATCH(desaturate)(rgb, count);
}

void normalize_interleave(const float* view, int64_t count, int64_t C, const float* mean, const float* std, float* y) {
    const float inv_std[3] = {1 / std[0], 1 / std[1], 1 / std[2]};
    if (C == 1) {
        HWY_DYNAMIC_DISPATCH(normalize_grey)(view, count, mean[0], inv_std[0], y);
    } else {
        HWY_DYNAMIC_DISPATCH(normalize_rgb)(view, count, mean, inv_std, y);
    }
}

}  // namespace moco::cpu
#endif
