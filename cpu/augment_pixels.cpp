// Plain pixel operators.
#include "cpu/augment_pixels.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moco::cpu {
namespace {

float clamp01(float x) {
    return std::min(std::max(x, 0.0f), 1.0f);
}

float gray_of(float r, float g, float b) {
    return 0.2989f * r + 0.587f * g + 0.114f * b;
}

}  // namespace

void resample(const ImageView& image, const AxisTaps& vertical, const AxisTaps& horizontal, int64_t size, float* row,
              float* view) {
    const int64_t C = image.C, begin = horizontal.low * C, end = horizontal.high * C;
    for (int64_t oy = 0; oy < size; ++oy) {
        const float* wv = &vertical.weight[static_cast<size_t>(oy * vertical.taps)];
        const uint8_t* source = image.pixels + vertical.start[static_cast<size_t>(oy)] * image.W * C;
        for (int64_t x = begin; x < end; ++x) {
            float sum = 0;
            for (int64_t t = 0; t < vertical.taps; ++t) sum += wv[t] * source[t * image.W * C + x];
            row[x] = sum * (1 / 255.0f);
        }
        for (int64_t ox = 0; ox < size; ++ox) {
            const float* wh = &horizontal.weight[static_cast<size_t>(ox * horizontal.taps)];
            for (int64_t c = 0; c < C; ++c) {
                float sum = 0;
                for (int64_t t = 0; t < horizontal.taps; ++t) {
                    sum += wh[t] * row[(horizontal.start[static_cast<size_t>(ox)] + t) * C + c];
                }
                view[(c * size + oy) * size + ox] = sum;
            }
        }
    }
}

void adjust_brightness(float* view, int64_t count, int64_t C, float factor) {
    for (int64_t i = 0; i < count * C; ++i) view[i] = clamp01(view[i] * factor);
}

void adjust_contrast(float* view, int64_t count, int64_t C, float factor) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
        sum += C == 1 ? view[i] : gray_of(view[i], view[count + i], view[2 * count + i]);
    }
    const float base = (1 - factor) * static_cast<float>(sum / static_cast<double>(count));
    for (int64_t i = 0; i < count * C; ++i) view[i] = clamp01(factor * view[i] + base);
}

void adjust_saturation(float* rgb, int64_t count, float factor) {
    for (int64_t i = 0; i < count; ++i) {
        const float base = (1 - factor) * gray_of(rgb[i], rgb[count + i], rgb[2 * count + i]);
        for (int64_t c = 0; c < 3; ++c) rgb[c * count + i] = clamp01(factor * rgb[c * count + i] + base);
    }
}

void adjust_hue(float* rgb, int64_t count, float turn) {
    for (int64_t i = 0; i < count; ++i) {
        const float r = rgb[i], g = rgb[count + i], b = rgb[2 * count + i];
        const float value = std::max({r, g, b}), chroma = value - std::min({r, g, b});
        const float inverse = chroma > 0 ? 1 / chroma : 0;
        // The hue in sixths of a turn.
        float hue = value == r ? (g - b) * inverse : value == g ? (b - r) * inverse + 2 : (r - g) * inverse + 4;
        hue += 6 * turn + 12;
        for (int64_t c = 0; c < 3; ++c) {
            const float offset = hue + static_cast<float>(5 - 2 * c);
            const float k = offset - 6 * std::floor(offset * (1 / 6.0f));
            rgb[c * count + i] = clamp01(value - chroma * clamp01(std::min(k, 4 - k)));
        }
    }
}

void to_grayscale(float* rgb, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
        rgb[i] = rgb[count + i] = rgb[2 * count + i] = gray_of(rgb[i], rgb[count + i], rgb[2 * count + i]);
    }
}

int64_t blur_taps(int64_t size) {
    return std::max<int64_t>(3, size / 20 * 2 + 1);
}

void gaussian_blur(float* plane, int64_t size, float sigma, float* scratch) {
    const int64_t radius = blur_taps(size) / 2;
    std::vector<float> weight(static_cast<size_t>(2 * radius + 1));
    double sum = 0;
    for (int64_t t = -radius; t <= radius; ++t) sum += std::exp(-0.5 * static_cast<double>(t * t) / (sigma * sigma));
    for (int64_t t = -radius; t <= radius; ++t) {
        weight[static_cast<size_t>(t + radius)] =
            static_cast<float>(std::exp(-0.5 * static_cast<double>(t * t) / (sigma * sigma)) / sum);
    }
    const auto mirror = [size](int64_t x) { return x < 0 ? -x : x >= size ? 2 * (size - 1) - x : x; };
    for (int64_t y = 0; y < size; ++y) {
        for (int64_t x = 0; x < size; ++x) {
            float value = 0;
            for (int64_t t = 0; t <= 2 * radius; ++t) {
                value += weight[static_cast<size_t>(t)] * plane[mirror(y + t - radius) * size + x];
            }
            scratch[y * size + x] = value;
        }
    }
    for (int64_t y = 0; y < size; ++y) {
        for (int64_t x = 0; x < size; ++x) {
            float value = 0;
            for (int64_t t = 0; t <= 2 * radius; ++t) {
                value += weight[static_cast<size_t>(t)] * scratch[y * size + mirror(x + t - radius)];
            }
            plane[y * size + x] = value;
        }
    }
}

void normalize_interleave(const float* view, int64_t count, int64_t C, const float* mean, const float* std, float* y) {
    for (int64_t i = 0; i < count; ++i) {
        for (int64_t c = 0; c < C; ++c) y[i * C + c] = (view[c * count + i] - mean[c]) / std[c];
    }
}

}  // namespace moco::cpu
