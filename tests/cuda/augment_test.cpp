// Augmented views: every operator, alone and together.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "tests/cuda/support.h"
#include "tests/reference/augment.h"

namespace moco::cuda::testing {
namespace {

/// Values in [0, 1] after some twenty roundings of 2^-24, and a hue that divides by differences of them. What the
/// project promises is 2 / 255 = 8e-3.
constexpr double kView = 1e-5;

struct Picture {
    int64_t H, W, C;
    std::vector<uint8_t> pixels;

    Picture(int64_t height, int64_t width, int64_t channels, uint32_t salt = 1)
        : H(height), W(width), C(channels), pixels(static_cast<size_t>(H * W * C)) {
        const std::vector<float> values = formula_values(H * W * C, salt);
        for (size_t i = 0; i < values.size(); ++i) pixels[i] = static_cast<uint8_t>((values[i] + 1) * 127.99f);
    }
    ImageView view() const { return {pixels.data(), H, W, C}; }
};

/// The whole picture; nothing else.
AugmentParams whole(const Picture& picture) {
    AugmentParams p;
    p.crop_w = static_cast<float>(picture.W);
    p.crop_h = static_cast<float>(picture.H);
    return p;
}

AugmentParams crop(float x, float y, float w, float h, CropSampling sampling = CropSampling::antialias) {
    AugmentParams p;
    p.crop_x = x, p.crop_y = y, p.crop_w = w, p.crop_h = h;
    p.sampling = sampling;
    return p;
}

std::vector<float> on_device(std::span<const ImageView> images, std::span<const AugmentParams> params, int64_t size) {
    DeviceArray<float> y(static_cast<int64_t>(images.size()) * size * size * images[0].C);
    device().augment(images, params, size, y.data());
    return y.host();
}

std::vector<float> on_device(const Picture& picture, const AugmentParams& params, int64_t size) {
    const ImageView view = picture.view();
    return on_device({&view, 1}, {&params, 1}, size);
}

template <typename Value>
double largest_difference(const std::vector<float>& a, const std::vector<Value>& b) {
    EXPECT_EQ(a.size(), b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double difference = std::abs(double{a[i]} - double{b[i]});
        largest = difference <= largest ? largest : difference;  // a NaN counts
    }
    return largest;
}

class CudaAugment : public OnDevice {
  protected:
    void expect_view(const Picture& picture, const AugmentParams& params, int64_t size, double bound = kView) {
        const std::vector<double> expected = reference::augment(picture.view(), params, size);
        EXPECT_LE(largest_difference(on_device(picture, params, size), expected), bound)
            << picture.H << " x " << picture.W << " x " << picture.C << " to " << size;
    }
    /// One colour operation, at sizes around a block of threads, with factors that clamp.
    void expect_step(const std::vector<float>& amounts, float AugmentParams::*amount) {
        for (const auto& [H, W, C] : {std::array<int64_t, 3>{16, 16, 3}, {23, 19, 3}, {21, 30, 1}}) {
            const Picture picture(H, W, C);
            for (const float value : amounts) {
                AugmentParams p = whole(picture);
                p.jitter = true;
                p.*amount = value;
                for (const int64_t size : {1, 15, 16, 17}) expect_view(picture, p, size);
            }
        }
    }
};

TEST_F(CudaAugment, APictureOfTheViewsSizeIsOnlyScaledToOne) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(17, 17, C);
        const std::vector<float> view = on_device(picture, whole(picture), 17);
        for (size_t i = 0; i < view.size(); ++i) {
            ASSERT_NEAR(view[i], static_cast<float>(picture.pixels[i]) / 255, 1e-7);
        }
    }
}

TEST_F(CudaAugment, ShrinksWithAntialias) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(61, 83, C);
        for (const int64_t size : {1, 2, 7, 16, 33}) {
            expect_view(picture, whole(picture), size);
            expect_view(picture, crop(5, 11, 70, 40), size);
        }
    }
}

TEST_F(CudaAugment, EnlargesWithAntialias) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(9, 12, C);
        for (const int64_t size : {13, 32, 33}) {
            expect_view(picture, whole(picture), size);
            expect_view(picture, crop(3, 2, 4, 5), size);
        }
    }
}

TEST_F(CudaAugment, TheUncutCropSeesWhatLiesAroundIt) {
    const Picture picture(40, 31, 3);
    const AugmentParams uncut = crop(8, 9, 16, 20, CropSampling::antialias_uncut);
    for (const int64_t size : {3, 8, 20}) expect_view(picture, uncut, size);
    EXPECT_GT(largest_difference(on_device(picture, uncut, 3), on_device(picture, crop(8, 9, 16, 20), 3)), 0.01);
}

TEST_F(CudaAugment, ReflectsAtTheBorder) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(28, 27, C);
        for (const int64_t size : {1, 14, 28, 31}) {
            expect_view(picture, crop(1.75f, 2.5f, 20.3f, 18.9f, CropSampling::reflect), size);
            expect_view(picture, crop(-3.5f, -2, 36, 33, CropSampling::reflect), size);
        }
    }
}

TEST_F(CudaAugment, CropsAtTheEndsOfThePicture) {
    const Picture picture(30, 47, 3);
    for (const CropSampling sampling :
         {CropSampling::antialias, CropSampling::antialias_uncut, CropSampling::reflect}) {
        expect_view(picture, crop(0, 0, 1, 1, sampling), 8);    // a single pixel
        expect_view(picture, crop(46, 29, 1, 1, sampling), 8);  // the last one
        expect_view(picture, crop(0, 29, 47, 1, sampling), 9);  // the last row
        expect_view(picture, crop(46, 0, 1, 30, sampling), 9);  // the last column
        expect_view(picture, crop(46.7f, 29.5f, 0.3f, 0.5f, sampling), 5);
        expect_view(picture, crop(0.4f, 0.6f, 46.6f, 29.4f, sampling), 11);
    }
}

TEST_F(CudaAugment, PicturesOfOneRowColumnOrPixel) {
    for (const CropSampling sampling : {CropSampling::antialias, CropSampling::reflect}) {
        for (const auto& [H, W] : {std::pair<int64_t, int64_t>{1, 97}, {97, 1}, {1, 1}, {2, 1}}) {
            const Picture picture(H, W, 3);
            AugmentParams p = whole(picture);
            p.sampling = sampling;
            expect_view(picture, p, 7);
        }
    }
}

TEST_F(CudaAugment, TheFlipMirrorsRows) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(20, 26, C);
        AugmentParams p = crop(2, 3, 21, 15);
        const int64_t size = 9;
        const std::vector<float> plain = on_device(picture, p, size);
        p.flip = true;
        const std::vector<float> flipped = on_device(picture, p, size);
        for (int64_t i = 0; i < size * size * C; ++i) {
            const int64_t row = i / (size * C), column = i / C % size, c = i % C;
            const int64_t mirrored = (row * size + size - 1 - column) * C + c;
            ASSERT_EQ(flipped[static_cast<size_t>(i)], plain[static_cast<size_t>(mirrored)]);
        }
    }
}

TEST_F(CudaAugment, Brightness) {
    expect_step({0, 0.6f, 1, 1.4f, 2.5f}, &AugmentParams::brightness);
}

TEST_F(CudaAugment, Contrast) {
    expect_step({0, 0.6f, 1, 1.4f, 2.5f}, &AugmentParams::contrast);
}

TEST_F(CudaAugment, Saturation) {
    expect_step({0, 0.6f, 1, 1.4f, 2.5f}, &AugmentParams::saturation);
}

TEST_F(CudaAugment, Hue) {
    expect_step({-0.5f, -0.1f, 0, 0.25f, 0.4f, 0.5f}, &AugmentParams::hue);
}

TEST_F(CudaAugment, TheHueOfGreyAndOfPureColours) {
    Picture picture(4, 4, 3);
    const uint8_t colours[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {90, 90, 90}};
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = colours[i / 3 % 4][i % 3];
    AugmentParams p = whole(picture);
    p.jitter = true;
    p.hue = 1.0f / 3;
    expect_view(picture, p, 4);
    const std::vector<float> turned = on_device(picture, p, 4);
    for (size_t i = 0; i < 12; ++i) {
        const size_t next = (i / 3 + 1) % 3 * 3 + i % 3;  // red becomes green, green blue, blue red; grey stays
        EXPECT_NEAR(turned[i], static_cast<float>(picture.pixels[i < 9 ? next : i]) / 255, 1e-6);
    }
}

TEST_F(CudaAugment, Grayscale) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(18, 15, C);
        AugmentParams p = whole(picture);
        p.grayscale = true;
        expect_view(picture, p, 17);
    }
}

TEST_F(CudaAugment, BlurReflectsWithoutRepeatingTheEdge) {
    for (const int64_t C : {1, 3}) {
        const Picture picture(30, 30, C);
        AugmentParams p = whole(picture);
        // The smallest window is 3 pixels wide; at 61 it is 7, at the last one as wide as sigma needs.
        for (const int64_t size : {1, 2, 3, 16, 17, 61}) {
            for (const float sigma : {0.05f, 0.1f, 0.5f, 2.0f}) {
                p.blur_sigma = sigma;
                expect_view(picture, p, size);
            }
        }
    }
}

TEST_F(CudaAugment, Normalises) {
    for (const float sigma : {0.0f, 0.8f}) {
        for (const int64_t C : {1, 3}) {
            const Picture picture(20, 20, C);
            AugmentParams p = whole(picture);
            p.blur_sigma = sigma;
            p.mean = {0.485f, 0.456f, 0.406f};
            p.std = {0.229f, 0.224f, 0.225f};
            expect_view(picture, p, 17, kView / 0.224);
        }
    }
}

TEST_F(CudaAugment, TheFourOperationsOfTheJitterInAnyOrder) {
    const Picture picture(12, 14, 3);
    AugmentParams p = whole(picture);
    p.jitter = true;
    p.brightness = 1.3f, p.contrast = 0.7f, p.saturation = 1.4f, p.hue = -0.1f;
    std::sort(p.jitter_order.begin(), p.jitter_order.end());
    do {
        expect_view(picture, p, 11);
    } while (std::next_permutation(p.jitter_order.begin(), p.jitter_order.end()));
}

TEST_F(CudaAugment, TheRecipesOrders) {
    const Picture picture(25, 21, 3);
    AugmentParams p = crop(2, 1, 17, 19);
    p.flip = p.jitter = p.grayscale = true;
    p.brightness = 0.8f, p.contrast = 1.4f, p.saturation = 0.6f, p.hue = 0.1f;
    std::vector<std::vector<float>> views;
    for (const AugmentOrder order : {AugmentOrder::v1, AugmentOrder::v2, AugmentOrder::demo}) {
        p.order = order;
        p.blur_sigma = order == AugmentOrder::v2 ? 1.1f : 0;
        expect_view(picture, p, 18);
        views.push_back(on_device(picture, p, 18));
    }
    EXPECT_GT(largest_difference(views[0], views[2]), 0.01);
}

TEST_F(CudaAugment, GreyPicturesIgnoreColour) {
    const Picture picture(16, 16, 1);
    AugmentParams coloured = whole(picture);
    coloured.jitter = coloured.grayscale = true;
    coloured.saturation = 1.4f;
    coloured.hue = 0.3f;
    EXPECT_EQ(on_device(picture, coloured, 13), on_device(picture, whole(picture), 13));
}

/// Views of different sizes and steps, some with a blur.
struct Batch {
    std::vector<Picture> pictures;
    std::vector<ImageView> views;
    std::vector<AugmentParams> params;

    Batch() {
        for (const auto& [H, W] : {std::pair<int64_t, int64_t>{20, 30}, {31, 12}, {9, 9}, {40, 41}}) {
            pictures.emplace_back(H, W, 3, static_cast<uint32_t>(W));
            AugmentParams& p = params.emplace_back(whole(pictures.back()));
            p.blur_sigma = params.size() % 2 == 0 ? 0.3f * static_cast<float>(params.size()) : 0;
            p.flip = params.size() == 3;
            p.jitter = params.size() > 1;
            p.contrast = 0.5f + 0.2f * static_cast<float>(params.size());
            p.mean = {0.1f * static_cast<float>(params.size()), 0.2f, 0.3f};
        }
        for (const Picture& picture : pictures) views.push_back(picture.view());
    }
};

TEST_F(CudaAugment, ABatchIsItsViewsOneByOneToTheBit) {
    const Batch batch;
    const int64_t size = 17;
    std::vector<float> one_by_one;
    for (size_t i = 0; i < batch.views.size(); ++i) {
        const std::vector<float> view = on_device(batch.pictures[i], batch.params[i], size);
        one_by_one.insert(one_by_one.end(), view.begin(), view.end());
    }
    EXPECT_EQ(on_device(batch.views, batch.params, size), one_by_one);
    EXPECT_EQ(on_device(batch.views, batch.params, size), one_by_one);
}

TEST_F(CudaAugment, NoViewsAreNoWork) {
    device().augment({}, {}, 8, nullptr);
    device().synchronize();
}

TEST_F(CudaAugment, ThePicturesMayGoWhenTheCallReturns) {
    Batch batch;
    const int64_t size = 10;
    const std::vector<float> expected = on_device(batch.views, batch.params, size);
    DeviceArray<float> y(4 * size * size * 3);
    device().augment(batch.views, batch.params, size, y.data());
    for (Picture& picture : batch.pictures) std::ranges::fill(picture.pixels, uint8_t{0});
    EXPECT_EQ(y.host(), expected);
}

TEST_F(CudaAugment, WhatWasIssuedBeforeStillReadsTheOldViews) {
    const Picture picture(12, 12, 3);
    const int64_t count = 12 * 12 * 3;
    const std::vector<float> old(count, 7.0f);
    DeviceArray<float> y(old), copy(count);
    device().relu_forward(DType::f32, y.data(), copy.data(), count);
    const ImageView view = picture.view();
    const AugmentParams params = whole(picture);
    device().augment({&view, 1}, {&params, 1}, 12, y.data());
    device().await(y.data(), count * sizeof(float));
    DeviceArray<float> later(count);
    device().relu_forward(DType::f32, y.data(), later.data(), count);
    EXPECT_EQ(copy.host(), old);
    EXPECT_EQ(later.host(), on_device(picture, params, 12));
}

TEST_F(CudaAugment, SeveralThreadsAtOnce) {
    const Batch batch;
    const int64_t size = 13, values = 4 * size * size * 3;
    const std::vector<float> expected = on_device(batch.views, batch.params, size);
    constexpr int kThreads = 3, kRounds = 3;
    DeviceArray<float> y(kThreads * kRounds * values);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int round = 0; round < kRounds; ++round) {
                device().augment(batch.views, batch.params, size, y.data() + (t * kRounds + round) * values);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    const std::vector<float> all = y.host();
    for (int64_t i = 0; i < kThreads * kRounds; ++i) {
        EXPECT_EQ(std::vector<float>(all.begin() + i * values, all.begin() + (i + 1) * values), expected);
    }
}

}  // namespace
}  // namespace moco::cuda::testing
