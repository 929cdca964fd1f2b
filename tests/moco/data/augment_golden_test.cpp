// Backend::augment against torchvision on float tensors (tests/golden/augment.py): every operator, the recipes' orders,
// evaluation transforms.
#include <fstream>
#include <nlohmann/json.hpp>

#include "moco/data/transforms.h"
#include "tests/moco/data/pixels.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

using Json = nlohmann::json;

// What the issue promises for every operator, on values in [0, 1]. Normalised values are up to 1 / 0.224 times that.
constexpr double kOperator = 1e-4, kNormalized = kOperator / 0.224;

const std::map<std::string, JitterOp> kJitterOps = {{"brightness", JitterOp::brightness},
                                                    {"contrast", JitterOp::contrast},
                                                    {"saturation", JitterOp::saturation},
                                                    {"hue", JitterOp::hue}};
const std::map<std::string, AugmentOrder> kOrders = {
    {"v1", AugmentOrder::v1}, {"v2", AugmentOrder::v2}, {"demo", AugmentOrder::demo}};

AugmentParams augment_params(const Json& c) {
    AugmentParams p;
    const std::vector<float> crop = c["crop"];
    p.crop_x = crop[0], p.crop_y = crop[1], p.crop_w = crop[2], p.crop_h = crop[3];
    p.sampling = c["sampling"] == "reflect" ? CropSampling::reflect : CropSampling::antialias;
    p.order = kOrders.at(c["order"]);
    p.flip = c.value("flip", false);
    p.grayscale = c.value("grayscale", false);
    p.blur_sigma = c.value("blur_sigma", 0.0f);
    p.jitter = !c["jitter"].empty();
    p.brightness = c.value("brightness", 1.0f);
    p.contrast = c.value("contrast", 1.0f);
    p.saturation = c.value("saturation", 1.0f);
    p.hue = c.value("hue", 0.0f);
    // A case may name fewer than four operations; neutral ones fill up.
    std::vector<JitterOp> order;
    for (const std::string name : c["jitter"]) order.push_back(kJitterOps.at(name));
    for (const auto& [name, op] : kJitterOps) {
        if (std::find(order.begin(), order.end(), op) != order.end()) continue;
        order.push_back(op);
        if (op == JitterOp::brightness) p.brightness = 1;
        if (op == JitterOp::contrast) p.contrast = 1;
        if (op == JitterOp::saturation) p.saturation = 1;
        if (op == JitterOp::hue) p.hue = 0;
    }
    std::copy(order.begin(), order.end(), p.jitter_order.begin());
    return p;
}

AugmentParams params_of(const Json& c) {
    const bool normalize = c.value("normalize", false);
    if (!c.contains("resize")) {
        AugmentParams p = augment_params(c);
        if (normalize) {
            p.mean = kImageNetNormalization.mean;
            p.std = kImageNetNormalization.std;
        }
        return p;
    }
    const EvalTransform transform = {TransformKind::resize_crop, c["resize"], c["size"]};
    return evaluation_params(transform, normalize ? kImageNetNormalization : Normalization(), c["size"], c["H"],
                             c["W"]);
}

class AugmentGolden : public EachBackend {};

TEST_P(AugmentGolden, EveryCaseIsTorchvisions) {
    const GoldenPack golden("augment");
    const Json cases = Json::parse(std::ifstream(golden_path("augment.json")));
    ASSERT_GT(cases.size(), 80u);
    for (const Json& c : cases) {
        SCOPED_TRACE(c["name"].get<std::string>());
        const Image image = formula_image(c["H"], c["W"], c["C"], c["salt"], c.value("levels", false));
        const int64_t size = c["size"], stride = c["stride"];
        const std::vector<float> view = augmented(image, params_of(c), size, backend());
        const NpyArray expected = golden[c["name"]];
        double worst = 0;
        for (size_t i = 0; i < expected.values.size(); ++i) {
            const auto pixel = static_cast<int64_t>(i) / image.C, channel = static_cast<int64_t>(i) % image.C;
            const int64_t y = pixel / expected.shape[1] * stride, x = pixel % expected.shape[1] * stride;
            const float got = view[static_cast<size_t>((y * size + x) * image.C + channel)];
            worst = std::max(worst, std::abs(got - expected.values[i]));
        }
        EXPECT_LE(worst, c.value("normalize", false) ? kNormalized : kOperator);
    }
}

TEST_P(AugmentGolden, GreyImagesIgnoreColour) {
    const Image image = formula_image(16, 16, 1, 3);
    AugmentParams plain;
    plain.crop_w = plain.crop_h = 16;
    AugmentParams coloured = plain;
    coloured.jitter = coloured.grayscale = true;
    coloured.saturation = 1.4f;
    coloured.hue = 0.3f;
    EXPECT_EQ(augmented(image, plain, 16, backend()), augmented(image, coloured, 16, backend()));
}

TEST_P(AugmentGolden, AnImageOfTheViewsSizeIsOnlyScaledToOne) {
    for (const int64_t C : {1, 3}) {
        const Image image = formula_image(17, 17, C, 5);
        AugmentParams whole;
        whole.crop_w = whole.crop_h = 17;
        whole.sampling = CropSampling::antialias_uncut;
        const std::vector<float> view = augmented(image, whole, 17, backend());
        for (size_t i = 0; i < view.size(); ++i) ASSERT_NEAR(view[i], static_cast<float>(image.pixels[i]) / 255, 1e-7);
    }
}

TEST_P(AugmentGolden, ABatchIsItsImagesOneByOne) {
    const std::vector<Image> images = {formula_image(20, 30, 3, 1), formula_image(31, 12, 3, 2)};
    std::vector<ImageView> views;
    std::vector<AugmentParams> params;
    for (const Image& image : images) {
        views.push_back(image.view());
        AugmentParams p;
        p.crop_w = static_cast<float>(image.W);
        p.crop_h = static_cast<float>(image.H);
        p.blur_sigma = 0.7f;
        p.flip = params.empty();
        params.push_back(p);
    }
    Tensor batch = Tensor::empty({2, 9, 9, 3}, DType::f32, backend());
    backend().augment(views, params, 9, batch.mutable_data());
    for (int64_t n = 0; n < 2; ++n) {
        const auto i = static_cast<size_t>(n);
        EXPECT_EQ(batch.rows(n, n + 1).to_vector(), augmented(images[i], params[i], 9, backend()));
    }
}

MOCO_FOR_EACH_BACKEND(AugmentGolden);

}  // namespace
}  // namespace moco::testing
