// One pixel of a view: how it is resampled and what the colour operations make of it, as torchvision computes them on
// tensors.
#pragma once

#include "cuda/augment_plan.h"
#include "cuda/kernel.h"

namespace moco::cuda {

/// C = 1 or 3 values in [0, 1].
template <int C>
struct Pixel {
    float channel[C];
};

DEVICE float clamp01(float x) {
    return fminf(fmaxf(x, 0.0f), 1.0f);
}

template <int C>
DEVICE float gray_of(const Pixel<C>& p) {
    if constexpr (C == 1) {
        return p.channel[0];
    } else {
        return 0.2989f * p.channel[0] + (0.587f * p.channel[1] + 0.114f * p.channel[2]);
    }
}

template <typename T>
DEVICE const T* array_at(const PackedBlock& block, int64_t offset) {
    return reinterpret_cast<const T*>(block.bytes + offset);
}

/// The weighted sum of the image's pixels under this pixel of the view. Each of them is read by about two outputs of
/// each axis, so that a second pass with a result in between would hardly save reads.
template <int C>
DEVICE Pixel<C> resampled(const PackedBlock& block, const PackedView& view, int row, int column) {
    const PackedAxis &vertical = view.vertical, &horizontal = view.horizontal;
    const float* down = array_at<float>(block, vertical.weight) + int64_t{row} * vertical.taps;
    const float* right = array_at<float>(block, horizontal.weight) + int64_t{column} * horizontal.taps;
    const int32_t top = array_at<int32_t>(block, vertical.start)[row];
    const int32_t left = array_at<int32_t>(block, horizontal.start)[column];
    const uint8_t* line = block.bytes + view.pixels + top * view.row_bytes + int64_t{left} * C;
    Pixel<C> sum = {};
    for (int t = 0; t < vertical.taps; ++t, line += view.row_bytes) {
        Pixel<C> along = {};
        for (int s = 0; s < horizontal.taps; ++s) {
            for (int c = 0; c < C; ++c) along.channel[c] += right[s] * static_cast<float>(line[s * C + c]);
        }
        for (int c = 0; c < C; ++c) sum.channel[c] += down[t] * along.channel[c];
    }
    for (int c = 0; c < C; ++c) sum.channel[c] *= 1 / 255.0f;
    return sum;
}

/// p = clamp(factor * p + base)
template <int C>
DEVICE void scale_and_shift(Pixel<C>& p, float factor, float base) {
    for (int c = 0; c < C; ++c) p.channel[c] = clamp01(factor * p.channel[c] + base);
}

/// Channel at `offset` (5, 3, 1 for R, G, B) of the colour with that hue in sixths of a turn: a trapezoid over the hue.
DEVICE float channel_of(float hue, float offset, float value, float chroma) {
    const float x = hue + offset;
    const float k = x - 6.0f * floorf(x * (1 / 6.0f));
    return clamp01(value - chroma * clamp01(fminf(k, 4.0f - k)));
}

DEVICE void turn_hue(Pixel<3>& p, float turn) {
    const float r = p.channel[0], g = p.channel[1], b = p.channel[2];
    const float value = fmaxf(r, fmaxf(g, b)), chroma = value - fminf(r, fminf(g, b));
    const float inverse = chroma > 0 ? 1 / chroma : 0.0f;
    const float sixths = value == r   ? (g - b) * inverse
                         : value == g ? (b - r) * inverse + 2.0f
                                      : (r - g) * inverse + 4.0f;
    const float hue = sixths + (6 * turn + 12);  // 12 sixths more keep it positive
    p.channel[0] = channel_of(hue, 5, value, chroma);
    p.channel[1] = channel_of(hue, 3, value, chroma);
    p.channel[2] = channel_of(hue, 1, value, chroma);
}

/// Applies one operation. mean: that of the grey image, for contrast.
template <int C>
DEVICE void apply(const ColourStep& step, float mean, Pixel<C>& p) {
    switch (step.op) {
        case ColourOp::brightness:
            scale_and_shift(p, step.amount, 0.0f);
            break;
        case ColourOp::contrast:
            scale_and_shift(p, step.amount, (1 - step.amount) * mean);
            break;
        case ColourOp::saturation:
            scale_and_shift(p, step.amount, (1 - step.amount) * gray_of(p));
            break;
        case ColourOp::hue:
            if constexpr (C == 3) turn_hue(p, step.amount);
            break;
        case ColourOp::grayscale: {
            const float gray = gray_of(p);
            for (int c = 0; c < C; ++c) p.channel[c] = gray;
            break;
        }
    }
}

}  // namespace moco::cuda
