// Augmentation recipes: which random steps make a view, and the draws of their parameters. The pixels are the
// backend's part (Backend::augment). MoCo v1: arXiv:1911.05722 Sec. 3.3; v2: arXiv:2003.04297 Sec. 2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/augment.h"
#include "core/random.h"
#include "moco/data/dataset.h"

namespace moco {

/// Whether ColorJitter's operations run in a random order or in that of AugmentParams' default.
enum class JitterOrder { random, fixed };

/// The numbers of a recipe. Flags may change any of them; validate with check_recipe.
struct Recipe {
    std::string name = "v2";
    AugmentOrder order = AugmentOrder::v2;
    CropSampling sampling = CropSampling::antialias;
    float crop_scale_min = 0.2f, crop_scale_max = 1.0f;          // share of the image's area
    float crop_ratio_min = 3.0f / 4, crop_ratio_max = 4.0f / 3;  // width / height, drawn log-uniformly
    int64_t pad = 0;  // with CropSampling::padded: the whole image, moved by up to so many pixels; no crop is drawn
    float jitter_p = 0.8f;
    JitterOrder jitter_order = JitterOrder::random;
    float brightness = 0.4f, contrast = 0.4f, saturation = 0.4f;  // s: factor uniform in [max(0, 1 - s), 1 + s]
    float hue = 0.1f;                                             // s: turn uniform in [-s, s]
    float grayscale_p = 0.2f;
    float blur_p = 0.5f;
    float blur_sigma_min = 0.1f, blur_sigma_max = 2.0f;  // pixels of the view
    float flip_p = 0.5f;
};

/// The recipe of that name: v1, v2, demo (the CIFAR notebook's), fashion; and those of supervised training: crop (a
/// crop of at least 8 % and a flip), shift (moved by up to 4 pixels, and a flip). Throws Error listing them otherwise.
Recipe recipe_named(const std::string& name);
std::vector<std::string_view> recipe_names();
/// `--aug-plus`: v2's steps (jitter with p 0.8 and hue 0.1, blur) with `base`'s crop.
Recipe with_aug_plus(const Recipe& base);
/// Throws Error naming the number that is impossible (a probability above 1, an empty range).
void check_recipe(const Recipe& recipe);

/// Draws one view of an H x W image. Every call consumes `random` in the same way for the same recipe whatever is
/// drawn, so changing one probability does not move the other steps' draws; only the crop's tries vary and come last.
AugmentParams draw_params(const Recipe& recipe, const Normalization& normalization, Random& random, int64_t H,
                          int64_t W);

/// The stream that belongs to one view of one sample in one epoch. view: 0 query, 1 key.
Random view_stream(uint64_t seed, int64_t epoch, int64_t sample, int view);

/// The smallest scale in eighths (1, 2, 4 or 8) at which all crops still have at least `size` pixels a side; 8 for
/// CropSampling::reflect and padded.
int decode_eighths(const std::vector<AugmentParams>& views, int64_t size);
/// The same view on an image decoded at eighths / 8.
AugmentParams scaled_to(const AugmentParams& params, int eighths);

}  // namespace moco
