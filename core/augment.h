// What one augmented view does to one image: numbers drawn on the host (moco/data/augment), applied by a backend.
#pragma once

#include <array>
#include <cstdint>

namespace moco {

/// The four operations of ColorJitter, in the order in which they are applied.
enum class JitterOp : uint8_t { brightness, contrast, saturation, hue };

/// How the crop is resampled to the view.
enum class CropSampling : uint8_t {
    antialias,        // bilinear, widened where it shrinks; sees only the crop, as torchvision's RandomResizedCrop
    antialias_uncut,  // the same, but sees the image around the crop too: a resize followed by a crop (evaluation)
    reflect,          // plain bilinear with a reflecting border, as grid_sample (the `fashion` recipe)
    padded,           // as antialias_uncut; a crop may reach beyond the image, where all is black (value 0)
};

/// Where in the sequence the grayscale step and the flip stand; the recipes differ (docs/walkthrough.md).
enum class AugmentOrder : uint8_t {
    v1,    // crop, grayscale, jitter, flip
    v2,    // crop, jitter, grayscale, blur, flip
    demo,  // crop, flip, jitter, grayscale
};

/// Every step with its parameters. Steps whose flag is off are skipped. Works on values in [0, 1], clamped after each
/// jitter operation as torchvision does on float tensors; the result is (value - mean) / std.
struct AugmentParams {
    // The crop in pixels of the source image: left, top, width, height. May be fractional.
    float crop_x = 0, crop_y = 0, crop_w = 0, crop_h = 0;
    CropSampling sampling = CropSampling::antialias;
    AugmentOrder order = AugmentOrder::v2;
    bool flip = false;
    bool jitter = false;
    std::array<JitterOp, 4> jitter_order = {JitterOp::brightness, JitterOp::contrast, JitterOp::saturation,
                                            JitterOp::hue};
    float brightness = 1, contrast = 1, saturation = 1;  // factors; 1 changes nothing
    float hue = 0;                                       // turns, in [-0.5, 0.5]
    bool grayscale = false;
    float blur_sigma = 0;  // 0: no blur
    std::array<float, 3> mean = {0, 0, 0};
    std::array<float, 3> std = {1, 1, 1};
};

/// One source image in host memory: H x W x C bytes, C = 1 or 3.
struct ImageView {
    const uint8_t* pixels = nullptr;
    int64_t H = 0, W = 0, C = 0;
};

}  // namespace moco
