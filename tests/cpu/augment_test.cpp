// Augmentation on every instruction set: the same views but for rounding, at sizes around the vectors' lengths.
#include "tests/reference/augment.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

AugmentParams everything(int64_t H, int64_t W, CropSampling sampling) {
    AugmentParams p;
    p.crop_x = 1.25f;
    p.crop_y = 0.5f;
    p.crop_w = static_cast<float>(W) - 2.5f;
    p.crop_h = static_cast<float>(H) - 1.75f;
    p.sampling = sampling;
    p.flip = p.jitter = true;
    p.brightness = 1.2f;
    p.contrast = 0.7f;
    p.saturation = 1.3f;
    p.hue = -0.07f;
    p.blur_sigma = 0.9f;
    p.mean = {0.4f, 0.5f, 0.6f};
    p.std = {0.2f, 0.25f, 0.3f};
    return p;
}

TEST(Augment, EveryTargetMakesTheSameViews) {
    for (const int64_t C : {1, 3}) {
        for (const int64_t size : {1, 2, 7, 16, 33, 65}) {
            for (const CropSampling sampling : {CropSampling::antialias, CropSampling::antialias_uncut,
                                                CropSampling::reflect, CropSampling::padded}) {
                const int64_t H = 43, W = 50;
                std::vector<uint8_t> pixels;
                for (const float v : formula_values(H * W * C, 5))
                    pixels.push_back(static_cast<uint8_t>(127 * v + 128));
                const ImageView image = {pixels.data(), H, W, C};
                const AugmentParams params = everything(H, W, sampling);
                std::vector<float> first;
                on_each_target([&] {
                    std::vector<float> view(static_cast<size_t>(size * size * C));
                    cpu().augment({&image, 1}, {&params, 1}, size, view.data());
                    if (first.empty()) {
                        first = view;
                        const reference::Values expected = reference::augment(image, params, size);
                        for (size_t i = 0; i < view.size(); ++i) ASSERT_NEAR(view[i], expected[i], 5e-5);
                    }
                    // Values are up to 3 after the normalisation; some twenty roundings of 2^-24.
                    for (size_t i = 0; i < view.size(); ++i) ASSERT_NEAR(view[i], first[i], 1e-5) << size << " " << C;
                });
            }
        }
    }
}

}  // namespace
}  // namespace moco::testing
