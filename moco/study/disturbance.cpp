#include "moco/study/disturbance.h"

#include "moco/data/augmentation.h"

namespace moco {
namespace {

AugmentParams all_steps(int64_t index, int64_t H, int64_t W, uint64_t seed) {
    Recipe recipe = recipe_named("v2");
    recipe.flip_p = recipe.jitter_p = recipe.grayscale_p = recipe.blur_p = 1;
    Random random = view_stream(seed, 0, index, 0);
    return draw_params(recipe, {}, random, H, W);
}

void take(Disturbance disturbance, const AugmentParams& drawn, AugmentParams& params) {
    switch (disturbance) {
        case Disturbance::crop:
            params.sampling = drawn.sampling;
            params.crop_x = drawn.crop_x, params.crop_y = drawn.crop_y;
            params.crop_w = drawn.crop_w, params.crop_h = drawn.crop_h;
            break;
        case Disturbance::flip:
            params.flip = true;
            break;
        case Disturbance::jitter:
            params.jitter = true;
            params.jitter_order = drawn.jitter_order;
            params.brightness = drawn.brightness, params.contrast = drawn.contrast;
            params.saturation = drawn.saturation, params.hue = drawn.hue;
            break;
        case Disturbance::grayscale:
            params.grayscale = true;
            break;
        case Disturbance::blur:
            params.blur_sigma = drawn.blur_sigma;
            break;
    }
}

}  // namespace

std::string_view name_of(Disturbance disturbance) {
    switch (disturbance) {
        case Disturbance::crop:
            return "crop";
        case Disturbance::flip:
            return "flip";
        case Disturbance::jitter:
            return "jitter";
        case Disturbance::grayscale:
            return "grayscale";
        case Disturbance::blur:
            return "blur";
    }
    return "";
}

std::vector<Disturbance> disturbances_of(int64_t channels) {
    if (channels == 3) {
        return {Disturbance::crop, Disturbance::flip, Disturbance::jitter, Disturbance::grayscale, Disturbance::blur};
    }
    return {Disturbance::crop, Disturbance::flip, Disturbance::jitter, Disturbance::blur};
}

ViewChange disturbed_by(Disturbance disturbance, uint64_t seed) {
    return [disturbance, seed](int64_t index, int64_t H, int64_t W, AugmentParams& params) {
        take(disturbance, all_steps(index, H, W, seed), params);
    };
}

}  // namespace moco
