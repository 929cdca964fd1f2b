// The pixel operators of augmentation on one view. Views are planar while they are worked on: C planes of size x size
// floats in [0, 1]. Each function runs on the calling thread.
#pragma once

#include <cstdint>
#include <vector>

#include "core/augment.h"
#include "core/augment_taps.h"

namespace moco::cpu {

/// view[c, oy, ox] = sum of the image's pixels / 255 under the two plans. scratch: grown as needed.
void resample(const ImageView& image, const AxisTaps& vertical, const AxisTaps& horizontal, int64_t size,
              std::vector<float>& scratch, float* view);

/// In place, on `count` pixels a plane; results are clamped to [0, 1]. As torchvision's adjust_* on float tensors.
void adjust_brightness(float* view, int64_t count, int64_t C, float factor);
/// Blends with the mean of the grey image (C = 1: of the image).
void adjust_contrast(float* view, int64_t count, int64_t C, float factor);
void adjust_saturation(float* rgb, int64_t count, float factor);
/// Turns the hue by `turn` in [-0.5, 0.5].
void adjust_hue(float* rgb, int64_t count, float turn);
/// All three planes become 0.2989 R + 0.587 G + 0.114 B (torchvision's weights on tensors).
void to_grayscale(float* rgb, int64_t count);

/// blurred = view under the symmetric window (core/augment_steps.h), with a border that reflects without repeating the
/// edge. scratch: grown as needed.
void gaussian_blur(const float* view, int64_t size, int64_t C, const std::vector<float>& window,
                   std::vector<float>& scratch, float* blurred);

/// y[pixel * C + c] = (view[c, pixel] - mean[c]) / std[c].
void normalize_interleave(const float* view, int64_t count, int64_t C, const float* mean, const float* std, float* y);

}  // namespace moco::cpu
