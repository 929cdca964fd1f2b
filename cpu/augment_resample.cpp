// Cutting out and resampling the crop: down the columns first, where neighbouring bytes lie side by side, then along
// each row.
#include <algorithm>

#include "cpu/augment_pixels.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/augment_resample.cpp"
#include "cpu/simd.h"
// (after simd.h)
#include "cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moco::cpu::HWY_NAMESPACE {
namespace {

/// row[c] = sum over t of weight[t] * source[t * stride + c] / 255 for c in [begin, end).
void resample_columns(const uint8_t* source, int64_t stride, const float* weight, int64_t taps, int64_t begin,
                      int64_t end, float* row) {
    for_each_block<float, kFloatUnroll>(end - begin, [=](auto d, auto unroll, int64_t i) HWY_ATTR {
        constexpr int kVectors = decltype(unroll)::value;
        const hn::Rebind<uint8_t, decltype(d)> bytes;
        const hn::Rebind<int32_t, decltype(d)> ints;
        const auto lanes = static_cast<int64_t>(hn::Lanes(d));
        hn::Vec<decltype(d)> sum[kVectors];
        for (auto& s : sum) s = hn::Zero(d);
        const uint8_t* pixel = source + begin + i;
        for (int64_t t = 0; t < taps; ++t, pixel += stride) {
            const auto w = hn::Set(d, weight[t]);
            for (int v = 0; v < kVectors; ++v) {
                const auto value = hn::ConvertTo(d, hn::PromoteTo(ints, hn::LoadU(bytes, pixel + v * lanes)));
                sum[v] = hn::MulAdd(w, value, sum[v]);
            }
        }
        for (int v = 0; v < kVectors; ++v) {
            hn::StoreU(hn::Mul(sum[v], hn::Set(d, 1 / 255.0f)), d, row + begin + i + v * lanes);
        }
    });
}

/// plane[i] = sum over t of weight * row[start[i] + t], one channel.
void resample_row_grey(const AxisTaps& plan, int64_t size, const float* row, float* plane) {
    const float* weight = plan.weight.data();
    for (int64_t i = 0; i < size; ++i, weight += plan.taps) {
        const float* pixel = row + plan.start[static_cast<size_t>(i)];
        float sum = weight[0] * pixel[0];
        for (int64_t t = 1; t < plan.taps; ++t) sum += weight[t] * pixel[t];
        plane[i] = sum;
    }
}

/// The same for three channels, interleaved in `row`, which is readable one float beyond its end. A vector holds a
/// pixel and the float after it; rgbx: scratch of 4 * size floats.
void resample_row_rgb(const AxisTaps& plan, int64_t size, const float* row, float* rgbx, float* view) {
    const float* weight = plan.weight.data();
    for (int64_t i = 0; i < size; ++i, weight += plan.taps) {
        const float* pixel = row + 3 * plan.start[static_cast<size_t>(i)];
#if HWY_TARGET == HWY_SCALAR
        float* out = rgbx + 4 * i;
        for (int64_t c = 0; c < 3; ++c) {
            out[c] = weight[0] * pixel[c];
            for (int64_t t = 1; t < plan.taps; ++t) out[c] += weight[t] * pixel[3 * t + c];
        }
#else
        const hn::FixedTag<float, 4> d;
        auto sum = hn::Mul(hn::Set(d, weight[0]), hn::LoadU(d, pixel));
        for (int64_t t = 1; t < plan.taps; ++t) {
            sum = hn::MulAdd(hn::Set(d, weight[t]), hn::LoadU(d, pixel + 3 * t), sum);
        }
        hn::StoreU(sum, d, rgbx + 4 * i);
#endif
    }
    float* green = view + size * size;
    float* blue = green + size * size;
    for (int64_t i = 0; i < size; ++i) {
        view[i] = rgbx[4 * i];
        green[i] = rgbx[4 * i + 1];
        blue[i] = rgbx[4 * i + 2];
    }
}

void resample_image(const ImageView& image, const AxisTaps& vertical, const AxisTaps& horizontal, int64_t size,
                    float* scratch, float* view) {
    const int64_t C = image.C, stride = image.W * C;
    float* row = scratch + 4 * size;
    for (int64_t y = 0; y < size; ++y) {
        const uint8_t* source = image.pixels + vertical.start[static_cast<size_t>(y)] * stride;
        resample_columns(source, stride, &vertical.weight[static_cast<size_t>(y * vertical.taps)], vertical.taps,
                         horizontal.low * C, horizontal.high * C, row);
        if (C == 1) {
            resample_row_grey(horizontal, size, row, view + y * size);
        } else {
            resample_row_rgb(horizontal, size, row, scratch, view + y * size);
        }
    }
}

}  // namespace
}  // namespace moco::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moco::cpu {

HWY_EXPORT(resample_image);

void resample(const ImageView& image, const AxisTaps& vertical, const AxisTaps& horizontal, int64_t size,
              std::vector<float>& scratch, float* view) {
    const auto needed = static_cast<size_t>(4 * size + image.W * image.C + 1);
    if (scratch.size() < needed) scratch.resize(needed);
    HWY_DYNAMIC_DISPATCH(resample_image)(image, vertical, horizontal, size, scratch.data(), view);
}

}  // namespace moco::cpu
#endif
