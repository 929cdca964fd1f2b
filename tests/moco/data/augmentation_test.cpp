// The draws: their ranges and probabilities, the crop's ten tries, the streams.
#include "moco/data/augmentation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "core/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

constexpr int kDraws = 20'000;

std::vector<AugmentParams> draw_many(const Recipe& recipe, int64_t H, int64_t W) {
    std::vector<AugmentParams> draws;
    for (int i = 0; i < kDraws; ++i) {
        Random random = view_stream(7, 3, i, i % 2);
        draws.push_back(draw_params(recipe, kImageNetNormalization, random, H, W));
    }
    return draws;
}

/// Share of draws for which `is` holds; with kDraws of them its standard deviation is at most 0.0036.
template <typename Predicate>
double share(const std::vector<AugmentParams>& draws, const Predicate& is) {
    return static_cast<double>(std::count_if(draws.begin(), draws.end(), is)) / kDraws;
}

struct Moments {
    double least = 1e9, most = -1e9, mean = 0;
};

template <typename Value>
Moments moments(const std::vector<AugmentParams>& draws, const Value& value) {
    Moments m;
    for (const AugmentParams& p : draws) {
        const double v = value(p);
        m.least = std::min(m.least, v);
        m.most = std::max(m.most, v);
        m.mean += v / kDraws;
    }
    return m;
}

template <typename Value>
void expect_uniform(const std::vector<AugmentParams>& draws, double low, double high, const Value& value) {
    const Moments m = moments(draws, value);
    const double width = high - low;
    EXPECT_GE(m.least, low - 1e-6);
    EXPECT_LE(m.most, high + 1e-6);
    EXPECT_LE(m.least, low + 0.002 * width);
    EXPECT_GE(m.most, high - 0.002 * width);
    EXPECT_NEAR(m.mean, (low + high) / 2, 0.011 * width);  // 5 standard deviations
}

TEST(Augmentation, RecipesHaveThePapersNumbers) {
    struct Row {
        const char* name;
        AugmentOrder order;
        float crop, jitter_p, hue, grayscale, blur;
    };
    for (const Row& row : {Row{"v1", AugmentOrder::v1, 0.2f, 1, 0.4f, 0.2f, 0},
                           Row{"v2", AugmentOrder::v2, 0.2f, 0.8f, 0.1f, 0.2f, 0.5f},
                           Row{"demo", AugmentOrder::demo, 0.08f, 0.8f, 0.1f, 0.2f, 0}}) {
        SCOPED_TRACE(row.name);
        const Recipe r = recipe_named(row.name);
        EXPECT_EQ(r.name, row.name);
        EXPECT_EQ(r.order, row.order);
        EXPECT_EQ(r.sampling, CropSampling::antialias);
        EXPECT_EQ(r.crop_scale_min, row.crop);
        EXPECT_EQ(r.jitter_p, row.jitter_p);
        EXPECT_EQ(std::vector<float>({r.brightness, r.contrast, r.saturation}), std::vector<float>(3, 0.4f));
        EXPECT_EQ(r.hue, row.hue);
        EXPECT_EQ(r.grayscale_p, row.grayscale);
        EXPECT_EQ(r.blur_p, row.blur);
        EXPECT_EQ(r.flip_p, 0.5f);
    }
    EXPECT_EQ(recipe_named("fashion").sampling, CropSampling::reflect);
    expect_error([] { recipe_named("v4"); }, {"v4", "v1, v2, demo, fashion, crop, shift"});
}

TEST(Augmentation, SupervisedRecipesCropOrShiftAndFlip) {
    for (const char* name : {"crop", "shift"}) {
        const Recipe r = recipe_named(name);
        EXPECT_EQ(r.jitter_p + r.grayscale_p + r.blur_p, 0) << name;
        EXPECT_EQ(r.flip_p, 0.5f) << name;
    }
    EXPECT_EQ(recipe_named("crop").crop_scale_min, 0.08f);
    std::map<float, int> lefts, tops;
    for (const AugmentParams& p : draw_many(recipe_named("shift"), 32, 40)) {
        EXPECT_EQ(p.crop_w, 40);
        EXPECT_EQ(p.crop_h, 32);
        ++lefts[p.crop_x], ++tops[p.crop_y];
    }
    EXPECT_EQ(lefts.size(), 9u);
    EXPECT_EQ(tops.size(), 9u);
    EXPECT_EQ(lefts.begin()->first, -4);
    EXPECT_EQ(with_aug_plus(recipe_named("shift")).pad, 4);
}

TEST(Augmentation, WhatLiesBeyondAShiftedImageIsBlack) {
    const std::vector<uint8_t> pixels = {10, 20, 30, 40};
    const ImageView image = {pixels.data(), 2, 2, 1};
    AugmentParams p;
    p.sampling = CropSampling::padded;
    p.crop_x = 1, p.crop_y = -1, p.crop_w = p.crop_h = 2;
    std::vector<float> view(4);
    cpu().augment({&image, 1}, {&p, 1}, 2, view.data());
    const std::vector<float> expected = {0, 0, 20.0f / 255, 0};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(view[i], expected[i], 1e-6) << i;
}

TEST(Augmentation, AugPlusKeepsTheCropAndTakesTheRestFromV2) {
    Recipe base = recipe_named("v1");
    base.crop_scale_min = 0.3f;
    const Recipe plus = with_aug_plus(base);
    EXPECT_EQ(plus.crop_scale_min, 0.3f);
    EXPECT_EQ(plus.order, AugmentOrder::v2);
    EXPECT_EQ(plus.hue, 0.1f);
    EXPECT_EQ(plus.blur_p, 0.5f);
}

TEST(Augmentation, V2sDrawsAreUniformWithItsProbabilities) {
    const auto draws = draw_many(recipe_named("v2"), 375, 500);
    EXPECT_NEAR(share(draws, [](const auto& p) { return p.flip; }), 0.5, 0.018);
    EXPECT_NEAR(share(draws, [](const auto& p) { return p.jitter; }), 0.8, 0.015);
    EXPECT_NEAR(share(draws, [](const auto& p) { return p.grayscale; }), 0.2, 0.015);
    EXPECT_NEAR(share(draws, [](const auto& p) { return p.blur_sigma > 0; }), 0.5, 0.018);
    expect_uniform(draws, 0.6, 1.4, [](const auto& p) { return p.brightness; });
    expect_uniform(draws, 0.6, 1.4, [](const auto& p) { return p.contrast; });
    expect_uniform(draws, 0.6, 1.4, [](const auto& p) { return p.saturation; });
    expect_uniform(draws, -0.1, 0.1, [](const auto& p) { return p.hue; });
    const Moments sigma = moments(draws, [](const auto& p) { return p.blur_sigma > 0 ? p.blur_sigma : 1.0; });
    EXPECT_GE(sigma.least, 0.1);
    EXPECT_LE(sigma.most, 2.0);
    EXPECT_NEAR(sigma.mean, (1.05 + 1.0) / 2, 0.02);
}

TEST(Augmentation, TheFourJitterOperationsComeInEveryOrderEquallyOften) {
    std::map<std::array<JitterOp, 4>, int> orders;
    for (const AugmentParams& p : draw_many(recipe_named("v1"), 64, 64)) ++orders[p.jitter_order];
    ASSERT_EQ(orders.size(), 24u);
    // Expected 833 each with a standard deviation of 28.
    for (const auto& [order, count] : orders) EXPECT_NEAR(count, kDraws / 24.0, 150);
    for (const AugmentParams& p : draw_many(recipe_named("fashion"), 28, 28)) {
        ASSERT_EQ(p.jitter_order, AugmentParams().jitter_order);
    }
}

TEST(Augmentation, CropsAreWholePixelsWithinTheImageOfTheRightAreaAndRatio) {
    constexpr int64_t H = 375, W = 500;
    const auto draws = draw_many(recipe_named("v2"), H, W);
    for (const AugmentParams& p : draws) {
        ASSERT_EQ(p.crop_x, std::floor(p.crop_x));
        ASSERT_EQ(p.crop_w, std::floor(p.crop_w));
        ASSERT_GE(std::min(p.crop_x, p.crop_y), 0);
        ASSERT_LE(p.crop_x + p.crop_w, W);
        ASSERT_LE(p.crop_y + p.crop_h, H);
        const double area = p.crop_w * p.crop_h / (H * W), ratio = p.crop_w / p.crop_h;
        // Rounding to whole pixels moves the sides by half a pixel.
        ASSERT_GT(area, 0.2 * 0.99);
        ASSERT_LE(area, 1.0);
        ASSERT_GT(ratio, 3.0 / 4 * 0.99);
        ASSERT_LT(ratio, 4.0 / 3 * 1.01);
    }
    // Positions are uniform within the room that is left.
    const auto place = [](const auto& p) { return p.crop_w < W ? p.crop_x / (W - p.crop_w) : 0.5; };
    EXPECT_NEAR(moments(draws, place).mean, 0.5, 0.012);
    const auto log_ratio = [](const auto& p) { return std::log(p.crop_w / p.crop_h); };
    // Tall windows of a large area do not fit into a wide image and are drawn again: the mean is above 0.
    const double mean = moments(draws, log_ratio).mean;
    EXPECT_GT(mean, 0.01);
    EXPECT_LT(mean, 0.1);
}

TEST(Augmentation, ImagesTooLongForTenTriesGetTheCentre) {
    Recipe recipe = recipe_named("v2");
    struct Row {
        int64_t H, W;
        float x, y, w, h;
    };
    // 20 % of 10 x 1000 has a side of at least 38 at any allowed ratio.
    for (const Row& row : {Row{10, 1000, 493, 0, 13, 10}, Row{1000, 10, 0, 493, 10, 13}}) {
        for (int i = 0; i < 50; ++i) {
            Random random = view_stream(1, 0, i, 0);
            const AugmentParams p = draw_params(recipe, {}, random, row.H, row.W);
            EXPECT_EQ(std::vector<float>({p.crop_x, p.crop_y, p.crop_w, p.crop_h}),
                      std::vector<float>({row.x, row.y, row.w, row.h}));
        }
    }
    // Nor does 99.9 % of the area fit at half its height: the largest window of the allowed ratios does.
    Random random = view_stream(1, 0, 0, 0);
    recipe.crop_scale_min = 0.999f;
    recipe.crop_ratio_min = 0.5f;
    recipe.crop_ratio_max = 0.5001f;
    const AugmentParams p = draw_params(recipe, {}, random, 100, 60);
    EXPECT_EQ(p.crop_w, 50);
    EXPECT_EQ(p.crop_h, 100);
}

TEST(Augmentation, FashionsWindowIsContinuousAndInside) {
    const auto draws = draw_many(recipe_named("fashion"), 28, 28);
    int fractional = 0;
    for (const AugmentParams& p : draws) {
        ASSERT_GE(std::min(p.crop_x, p.crop_y), 0);
        ASSERT_LE(p.crop_x + p.crop_w, 28.001);
        fractional += p.crop_x != std::floor(p.crop_x);
        ASSERT_GT(p.crop_w * p.crop_h, 0.49 * 28 * 28);
        ASSERT_FALSE(p.grayscale);
        ASSERT_EQ(p.blur_sigma, 0);
        ASSERT_EQ(p.saturation, 1);
        ASSERT_EQ(p.hue, 0);
    }
    EXPECT_GT(fractional, kDraws * 8 / 10);
    expect_uniform(draws, 0.2, 1.8, [](const auto& p) { return p.brightness; });
    EXPECT_NEAR(share(draws, [](const auto& p) { return p.jitter; }), 0.8, 0.015);
}

TEST(Augmentation, OneNumberDoesNotMoveTheOtherDraws) {
    Recipe base = recipe_named("v2"), changed = base;
    changed.grayscale_p = changed.jitter_p = changed.blur_p = 0;
    changed.brightness = 0.1f;
    Random a = view_stream(5, 1, 2, 0), b = view_stream(5, 1, 2, 0);
    const AugmentParams p = draw_params(base, {}, a, 100, 120), q = draw_params(changed, {}, b, 100, 120);
    EXPECT_EQ(p.flip, q.flip);
    EXPECT_EQ(p.contrast, q.contrast);
    EXPECT_EQ(p.crop_x, q.crop_x);
    EXPECT_EQ(p.crop_w, q.crop_w);
}

TEST(Augmentation, StreamsDifferInEveryPartOfTheirAddress) {
    const std::vector<Random> streams = {view_stream(1, 0, 0, 0), view_stream(2, 0, 0, 0), view_stream(1, 1, 0, 0),
                                         view_stream(1, 0, 1, 0), view_stream(1, 0, 0, 1)};
    std::map<uint32_t, int> first;
    for (Random stream : streams) ++first[stream.bits()];
    EXPECT_EQ(first.size(), streams.size());
}

TEST(Augmentation, ImpossibleNumbersAreNamed) {
    Recipe r = recipe_named("v2");
    r.flip_p = 1.5f;
    expect_error([&] { check_recipe(r); }, {"flip's p", "1.5"});
    r = recipe_named("v2");
    r.crop_scale_min = 0;
    expect_error([&] { check_recipe(r); }, {"crop's share"});
    r = recipe_named("v2");
    r.hue = 0.6f;
    expect_error([&] { check_recipe(r); }, {"hue", "0.6"});
    r = recipe_named("v2");
    r.blur_sigma_min = 3;
    expect_error([&] { check_recipe(r); }, {"sigma", "3"});
    for (const std::string_view name : recipe_names()) check_recipe(recipe_named(std::string(name)));
}

TEST(Augmentation, JpegsAreDecodedJustLargeEnoughForBothCrops) {
    AugmentParams a, b;
    a.crop_w = a.crop_h = 400;
    b.crop_w = 300, b.crop_h = 250;
    EXPECT_EQ(decode_eighths({a, b}, 125), 4);
    EXPECT_EQ(decode_eighths({a, b}, 126), 8);
    EXPECT_EQ(decode_eighths({a, a}, 50), 1);
    EXPECT_EQ(decode_eighths({a, b}, 500), 8);
    const AugmentParams half = scaled_to(b, 4);
    EXPECT_EQ(half.crop_w, 150);
    EXPECT_EQ(half.crop_h, 125);
    b.sampling = CropSampling::reflect;
    EXPECT_EQ(decode_eighths({a, b}, 16), 8);
}

}  // namespace
}  // namespace moco::testing
