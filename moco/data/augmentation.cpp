// The recipes' numbers and the draws. The crop is torchvision's RandomResizedCrop.get_params; the `fashion` recipe
// draws its window in continuous coordinates instead, since its sampling reflects at the border.
#include "moco/data/augmentation.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace moco {
namespace {

Recipe v1() {
    Recipe r;
    r.name = "v1";
    r.order = AugmentOrder::v1;
    r.jitter_p = 1;
    r.hue = 0.4f;
    r.blur_p = 0;
    return r;
}

Recipe v2() {
    return {};
}

Recipe demo() {
    Recipe r;
    r.name = "demo";
    r.order = AugmentOrder::demo;
    r.crop_scale_min = 0.08f;
    r.blur_p = 0;
    return r;
}

Recipe fashion() {
    Recipe r;
    r.name = "fashion";
    r.order = AugmentOrder::demo;
    r.sampling = CropSampling::reflect;
    r.crop_scale_min = 0.5f;
    r.jitter_order = JitterOrder::fixed;
    r.brightness = r.contrast = 0.8f;
    r.saturation = r.hue = 0;
    r.grayscale_p = r.blur_p = 0;
    return r;
}

Recipe crop() {
    Recipe r;
    r.name = "crop";
    r.crop_scale_min = 0.08f;
    r.jitter_p = r.grayscale_p = r.blur_p = 0;
    return r;
}

Recipe shift() {
    Recipe r = crop();
    r.name = "shift";
    r.sampling = CropSampling::padded;
    r.pad = 4;
    return r;
}

struct NamedRecipe {
    std::string_view name;
    Recipe (*make)();
};
constexpr NamedRecipe kRecipes[] = {{"v1", v1},           {"v2", v2},     {"demo", demo},
                                    {"fashion", fashion}, {"crop", crop}, {"shift", shift}};

struct Window {
    double x, y, w, h;
};

double draw_ratio(const Recipe& recipe, Random& random) {
    return std::exp(random.uniform(std::log(recipe.crop_ratio_min), std::log(recipe.crop_ratio_max)));
}

/// The largest centred window of an allowed ratio: for images so long that ten tries found nothing.
Window center_window(const Recipe& recipe, double H, double W) {
    Window c = {0, 0, W, H};
    if (W / H < recipe.crop_ratio_min) {
        c.h = std::clamp(std::nearbyint(W / recipe.crop_ratio_min), 1.0, H);
    } else if (W / H > recipe.crop_ratio_max) {
        c.w = std::clamp(std::nearbyint(H * recipe.crop_ratio_max), 1.0, W);
    }
    c.x = std::floor((W - c.w) / 2);
    c.y = std::floor((H - c.h) / 2);
    return c;
}

Window whole_pixel_window(const Recipe& recipe, Random& random, int64_t H, int64_t W) {
    const double height = static_cast<double>(H), width = static_cast<double>(W);
    for (int attempt = 0; attempt < 10; ++attempt) {
        const double area = height * width * random.uniform(recipe.crop_scale_min, recipe.crop_scale_max);
        const double ratio = draw_ratio(recipe, random);
        const double w = std::nearbyint(std::sqrt(area * ratio)), h = std::nearbyint(std::sqrt(area / ratio));
        if (w < 1 || h < 1 || w > width || h > height) continue;
        const uint32_t y = random.below(static_cast<uint32_t>(height - h) + 1);
        const uint32_t x = random.below(static_cast<uint32_t>(width - w) + 1);
        return {static_cast<double>(x), static_cast<double>(y), w, h};
    }
    return center_window(recipe, height, width);
}

Window continuous_window(const Recipe& recipe, Random& random, int64_t H, int64_t W) {
    const double height = static_cast<double>(H), width = static_cast<double>(W);
    const double area = height * width * random.uniform(recipe.crop_scale_min, recipe.crop_scale_max);
    const double ratio = draw_ratio(recipe, random);
    const double w = std::min(width, std::sqrt(area * ratio)), h = std::min(height, std::sqrt(area / ratio));
    const double x = random.uniform() * (width - w), y = random.uniform() * (height - h);
    return {x, y, w, h};
}

/// The whole image, moved.
Window shifted_window(const Recipe& recipe, Random& random, int64_t H, int64_t W) {
    const auto offset = [&] {
        return static_cast<double>(random.below(static_cast<uint32_t>(2 * recipe.pad + 1))) -
               static_cast<double>(recipe.pad);
    };
    const double y = offset(), x = offset();
    return {x, y, static_cast<double>(W), static_cast<double>(H)};
}

Window draw_window(const Recipe& recipe, Random& random, int64_t H, int64_t W) {
    switch (recipe.sampling) {
        case CropSampling::reflect:
            return continuous_window(recipe, random, H, W);
        case CropSampling::padded:
            return shifted_window(recipe, random, H, W);
        default:
            return whole_pixel_window(recipe, random, H, W);
    }
}

float draw_factor(float strength, Random& random) {
    return random.uniform(std::max(0.0f, 1 - strength), 1 + strength);
}

void draw_jitter(const Recipe& recipe, Random& random, AugmentParams& p) {
    p.jitter = random.uniform() < recipe.jitter_p;
    p.brightness = draw_factor(recipe.brightness, random);
    p.contrast = draw_factor(recipe.contrast, random);
    p.saturation = draw_factor(recipe.saturation, random);
    p.hue = random.uniform(-recipe.hue, recipe.hue);
    for (uint32_t i = 4; i > 1; --i) {
        const uint32_t j = random.below(i);
        if (recipe.jitter_order == JitterOrder::random) std::swap(p.jitter_order[i - 1], p.jitter_order[j]);
    }
}

void check_probability(const Recipe& r, const char* name, float p) {
    check(p >= 0 && p <= 1, "augmentation {}: {} is {}, expected a probability from 0 to 1", r.name, name, p);
}

void check_range(const Recipe& r, const char* name, float low, float high, float least, float most) {
    check(low >= least && low <= high && high <= most,
          "augmentation {}: {} runs from {} to {}, expected an ascending range within {} to {}", r.name, name, low,
          high, least, most);
}

}  // namespace

Recipe recipe_named(const std::string& name) {
    for (const NamedRecipe& recipe : kRecipes) {
        if (recipe.name == name) return recipe.make();
    }
    fail("augmentation recipe '{}' is not known; there are {}", name, fmt::join(recipe_names(), ", "));
}

std::vector<std::string_view> recipe_names() {
    std::vector<std::string_view> names;
    for (const NamedRecipe& recipe : kRecipes) names.push_back(recipe.name);
    return names;
}

Recipe with_aug_plus(const Recipe& base) {
    Recipe plus;
    plus.sampling = base.sampling;
    plus.crop_scale_min = base.crop_scale_min;
    plus.crop_scale_max = base.crop_scale_max;
    plus.crop_ratio_min = base.crop_ratio_min;
    plus.crop_ratio_max = base.crop_ratio_max;
    plus.pad = base.pad;
    return plus;
}

void check_recipe(const Recipe& r) {
    check_range(r, "the crop's share of the area", r.crop_scale_min, r.crop_scale_max, 1e-6f, 1);
    check_range(r, "the crop's width / height", r.crop_ratio_min, r.crop_ratio_max, 1e-3f, 1e3f);
    check_range(r, "the blur's sigma in pixels", r.blur_sigma_min, r.blur_sigma_max, 1e-3f, 1e3f);
    check_probability(r, "the jitter's p", r.jitter_p);
    check_probability(r, "the grayscale step's p", r.grayscale_p);
    check_probability(r, "the blur's p", r.blur_p);
    check_probability(r, "the flip's p", r.flip_p);
    check(r.pad >= 0 && r.pad <= 1024, "augmentation {}: the shift is {} pixels, expected 0 to 1024", r.name, r.pad);
    for (const float strength : {r.brightness, r.contrast, r.saturation}) {
        check(strength >= 0 && strength <= 10,
              "augmentation {}: a jitter strength is {}, expected 0 (off) to 10; 0.4 is the paper's", r.name, strength);
    }
    check(r.hue >= 0 && r.hue <= 0.5f, "augmentation {}: the hue's strength is {}, expected 0 (off) to 0.5 turns",
          r.name, r.hue);
}

AugmentParams draw_params(const Recipe& recipe, const Normalization& normalization, Random& random, int64_t H,
                          int64_t W) {
    AugmentParams p;
    p.sampling = recipe.sampling;
    p.order = recipe.order;
    p.mean = normalization.mean;
    p.std = normalization.std;
    p.flip = random.uniform() < recipe.flip_p;
    draw_jitter(recipe, random, p);
    p.grayscale = random.uniform() < recipe.grayscale_p;
    const bool blurred = random.uniform() < recipe.blur_p;
    const float sigma = random.uniform(recipe.blur_sigma_min, recipe.blur_sigma_max);
    p.blur_sigma = blurred ? sigma : 0;
    const Window w = draw_window(recipe, random, H, W);
    p.crop_x = static_cast<float>(w.x);
    p.crop_y = static_cast<float>(w.y);
    p.crop_w = static_cast<float>(w.w);
    p.crop_h = static_cast<float>(w.h);
    return p;
}

Random view_stream(uint64_t seed, int64_t epoch, int64_t sample, int view) {
    return Random(seed, Purpose::augment, static_cast<uint32_t>(epoch), static_cast<uint32_t>(sample),
                  static_cast<uint32_t>(view));
}

int decode_eighths(const std::vector<AugmentParams>& views, int64_t size) {
    float shortest = std::numeric_limits<float>::max();
    for (const AugmentParams& view : views) {
        if (view.sampling == CropSampling::reflect || view.sampling == CropSampling::padded) return 8;
        shortest = std::min({shortest, view.crop_w, view.crop_h});
    }
    // libjpeg-turbo's vector code covers these; 3, 5, 6 and 7 eighths take longer than the whole image.
    for (const int eighths : {1, 2, 4}) {
        if (shortest * static_cast<float>(eighths) / 8 >= static_cast<float>(size)) return eighths;
    }
    return 8;
}

AugmentParams scaled_to(const AugmentParams& params, int eighths) {
    AugmentParams p = params;
    const float scale = static_cast<float>(eighths) / 8;
    for (float* length : {&p.crop_x, &p.crop_y, &p.crop_w, &p.crop_h}) *length *= scale;
    return p;
}

}  // namespace moco
