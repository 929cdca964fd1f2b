// What a view's parameters ask for, worked out on the host and the same for every backend: the colour operations in
// their order and the weights of the blur.
#pragma once

#include <cstdint>
#include <vector>

#include "core/augment.h"

namespace moco {

enum class ColourOp : uint8_t { grayscale, brightness, contrast, saturation, hue };

/// amount: the factor, or the turn of the hue; unused by grayscale.
struct ColourStep {
    ColourOp op = ColourOp::grayscale;
    float amount = 0;
};

struct ColourSteps {
    static constexpr int kMost = 5;
    ColourStep step[kMost];
    int32_t count = 0;
};

/// The steps of `params` that change anything on images of C channels, in their order: a grey image has no colours to
/// saturate, turn or remove.
ColourSteps colour_steps(const AugmentParams& params, int64_t C);

/// The Gaussian over a view of `size` pixels a side: weight[t] for the pixels at a distance of t; both sides and the
/// middle sum to 1. The window is the odd number nearest to a tenth of the side, at least 3 pixels wide (23 at 224),
/// but shorter where its ends would weigh next to nothing or the view has no such neighbours.
std::vector<float> blur_window(float sigma, int64_t size);

}  // namespace moco
