// Whole comparisons of small networks, the disturbances, and the picture.
#include "moco/study/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/parallel.h"
#include "moco/data/shapes.h"
#include "moco/eval/knn_monitor.h"
#include "moco/study/cka_picture.h"
#include "moco/study/comparison_files.h"
#include "moco/study/comparison_json.h"
#include "moco/study/disturbance.h"
#include "moco/tasks/pretrain_settings.h"
#include "tests/support/message.h"
#include "tests/support/process.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

/// The same images, without their labels.
class Unlabelled final : public Dataset {
  public:
    explicit Unlabelled(DatasetPtr whole) : whole_(std::move(whole)), info_(whole_->info()) {
        info_.classes = 0;
        info_.class_names.clear();
    }
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t i) const override { return whole_->load(i); }
    int64_t label(int64_t) const override { return -1; }
    std::string path(int64_t i) const override { return whole_->path(i); }

  private:
    DatasetPtr whole_;
    DatasetInfo info_;
};

class ComparisonTest : public EachBackend {
  protected:
    void SetUp() override {
        PretrainSettings settings = preset<PretrainSettings>("cifar-demo");
        settings.encoder.width = 4;
        settings.method.moco_dim = 6;
        for (uint64_t seed = 1; seed <= 2; ++seed) {
            networks_.push_back(std::make_unique<Network>(network_config(settings, 3), seed, backend()));
            networks_.back()->set_mode(BatchNormMode::eval);
        }
    }
    std::vector<ComparedNetwork> pair(Network& a, Network& b) { return {{"a", &a, {}}, {"b", &b, {}}}; }
    Comparison compared(Network& a, Network& b) { return compare(pair(a, b), data_, options_, backend()); }
    static ComparisonOptions small() {
        ComparisonOptions options;
        options.minibatch = 20;
        options.overlaps = {5, 30, 5000};
        options.limit = 40;
        return options;
    }

    std::vector<std::unique_ptr<Network>> networks_;
    Splits data_ = open_shapes(320);  // forty of them to test
    ComparisonOptions options_ = small();
};
MOCO_FOR_EACH_BACKEND(ComparisonTest);

TEST_P(ComparisonTest, OfANetworkWithItselfFindsNoDifference) {
    const Comparison same = compared(*networks_[0], *networks_[0]);
    EXPECT_FALSE(same.unlabelled);
    const int64_t layers = same.similarity.first(1);
    for (int64_t layer = 0; layer < layers; ++layer) EXPECT_NEAR(same.similarity.at(0, layer, 1, layer), 1, 1e-9);
    ASSERT_EQ(same.pairs.size(), 1u);
    ASSERT_EQ(same.pairs[0].overlaps.size(), 2u) << "there are no 5000 images";
    for (const Overlap& overlap : same.pairs[0].overlaps) EXPECT_EQ(overlap.share, 1) << overlap.k;
    const Agreement& errors = same.pairs[0].errors->all;
    EXPECT_EQ(errors.only_a + errors.only_b, 0);
    EXPECT_EQ(errors.same_mistake, errors.both_wrong);
    EXPECT_EQ(errors.images(), same.images);
    EXPECT_NEAR(errors.kappa(), 1, 1e-12);
}

TEST_P(ComparisonTest, OfTwoMeasuresBoth) {
    const Comparison two = compared(*networks_[0], *networks_[1]);
    ASSERT_EQ(two.networks.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
        const NetworkReport& report = two.networks[i];
        ASSERT_EQ(report.stages.size(), 5u);
        EXPECT_EQ(report.stages[4].channels, 32);
        for (const StageReport& stage : report.stages) {
            EXPECT_GE(*stage.separability, 0);
            EXPECT_GE(stage.spectrum.effective_rank, 1);
            EXPECT_LE(stage.spectrum.effective_rank, static_cast<double>(stage.channels));
        }
        ASSERT_EQ(report.disturbed.size(), 5u);
        // The accuracy is moco knn's.
        FeatureOptions features;
        features.limit = options_.limit, features.rows = FeatureRows::normalised;
        const Features bank = extract_features(*networks_[i], data_.train, {}, features, backend());
        const Features test = extract_features(*networks_[i], data_.test, {}, features, backend());
        EXPECT_DOUBLE_EQ(*report.knn, knn_accuracies(bank, test, 10, {}).backbone);
    }
    EXPECT_LT(two.similarity.at(0, 8, 1, 8), 0.999);
    EXPECT_LT(two.pairs[0].overlaps[0].share, 1);
    EXPECT_GT(two.pairs[0].overlaps[0].share, two.pairs[0].overlaps[0].by_chance);
}

TEST_P(ComparisonTest, GoesOnWithoutLabels) {
    for (DatasetPtr* part : {&data_.train, &data_.test}) *part = std::make_shared<Unlabelled>(*part);
    const Comparison none = compared(*networks_[0], *networks_[1]);
    EXPECT_EQ(none.unlabelled, "shapes has no labels");
    EXPECT_FALSE(none.networks[0].knn || none.networks[0].stages[0].separability || none.pairs[0].errors);
    EXPECT_TRUE(none.networks[0].disturbed.empty());
    EXPECT_EQ(none.bank, 40);
    EXPECT_GT(none.pairs[0].overlaps[0].share, 0);
    EXPECT_GE(none.networks[1].stages[3].spectrum.effective_rank, 1);
}

TEST_P(ComparisonTest, WithoutATestPartImagesAreEachOthersNeighbours) {
    data_.test = nullptr;
    const Comparison own = compared(*networks_[0], *networks_[0]);
    EXPECT_EQ(own.unlabelled, "shapes has no test part");
    EXPECT_EQ(own.bank, 39);
    EXPECT_EQ(own.pairs[0].overlaps[0].share, 1);
}

TEST_P(ComparisonTest, TheSameOnAnyNumberOfThreads) {
    const int before = threads();
    std::vector<std::string> texts;
    for (const int count : {1, 3}) {
        set_threads(count);
        options_.workers = count - 1;
        texts.push_back(json_of(compared(*networks_[0], *networks_[1])).dump());
    }
    set_threads(before);
    EXPECT_EQ(texts[0], texts[1]);
}

TEST_P(ComparisonTest, LeavesTablesAndAPicture) {
    const TempFolder folder;
    const Comparison two = compared(*networks_[0], *networks_[1]);
    const std::vector<std::string> files = write_comparison(folder / "found", two);
    EXPECT_EQ(files, (std::vector<std::string>{"comparison.json", "cka.csv", "cka.png", "stages.csv", "spectra.csv",
                                               "errors.csv"}));
    const std::string cka = read_bytes(folder / "found/cka.csv"), stages = read_bytes(folder / "found/stages.csv");
    EXPECT_TRUE(cka.starts_with("layer,a:stem,a:layer1.0,")) << cka.substr(0, 100);
    EXPECT_EQ(std::count(cka.begin(), cka.end(), '\n'), 1 + two.similarity.first(2));
    EXPECT_EQ(std::count(stages.begin(), stages.end(), '\n'), 1 + 2 * 5);
    const auto json = nlohmann::json::parse(read_bytes(folder / "found/comparison.json"));
    EXPECT_EQ(json["cka"][0][0], 1.0);
    EXPECT_EQ(json["networks"][1]["stages"][4]["stage"], "layer4");
    EXPECT_EQ(json["pairs"][0]["errors"]["per_class"].size(), 10u);
    EXPECT_EQ(json["unlabelled"], nullptr);
}

TEST(Comparison, NeedsTwoNetworks) {
    EXPECT_EQ(message_of([] { compare({}, open_shapes(8), {}, cpu()); }), "compare: 0 networks, expected at least 2");
}

TEST(Disturbance, ChangesOneThingAndForAllAlike) {
    for (const Disturbance one : disturbances_of(3)) {
        SCOPED_TRACE(name_of(one));
        AugmentParams plain;
        plain.crop_w = plain.crop_h = 32;
        AugmentParams first = plain, again = plain, other = plain;
        disturbed_by(one, 0)(3, 32, 32, first);
        disturbed_by(one, 0)(3, 32, 32, again);
        disturbed_by(one, 0)(4, 32, 32, other);
        EXPECT_EQ(first.crop_w, again.crop_w);
        EXPECT_EQ(first.brightness, again.brightness);
        EXPECT_EQ(first.blur_sigma, again.blur_sigma);
        EXPECT_EQ(first.crop_w != 32 || first.crop_h != 32, one == Disturbance::crop);
        EXPECT_EQ(first.flip, one == Disturbance::flip);
        EXPECT_EQ(first.jitter, one == Disturbance::jitter);
        EXPECT_EQ(first.grayscale, one == Disturbance::grayscale);
        EXPECT_EQ(first.blur_sigma > 0, one == Disturbance::blur);
        EXPECT_EQ(first.brightness != other.brightness, one == Disturbance::jitter);
    }
    EXPECT_EQ(disturbances_of(1).size(), 4u) << "grey images have no colour to lose";
}

LayerSimilarity made_up(size_t layers, double value) {
    LayerSimilarity similarity;
    const std::vector<std::string> names(layers, "layer1.0");
    similarity.layers = {names, names};
    similarity.cka.assign(4 * layers * layers, value);
    return similarity;
}

/// How many pixels are of a colour.
int64_t pixels_of(const Image& image, const std::array<uint8_t, 3>& colour) {
    int64_t count = 0;
    for (int64_t i = 0; i < image.H * image.W; ++i) {
        const uint8_t* p = image.pixels.data() + 3 * i;
        count += p[0] == colour[0] && p[1] == colour[1] && p[2] == colour[2];
    }
    return count;
}

TEST(CkaPicture, CellsHaveTheirColourAndFitIntoThePicture) {
    for (const size_t layers : {2, 11, 40}) {
        const Image picture = cka_picture(made_up(layers, 0.7), {"a", "b"}, "made up");
        const auto cell = std::min<int64_t>(38, 760 / static_cast<int64_t>(2 * layers));
        const int64_t area = 4 * static_cast<int64_t>(layers * layers) * cell * cell;
        EXPECT_GT(pixels_of(picture, cka_colour(0.7)), area * 3 / 4) << layers;
        EXPECT_LT(picture.W, 1100);
        EXPECT_LT(picture.H, 1100);
    }
    EXPECT_GT(pixels_of(cka_picture(made_up(3, std::nan("")), {"a", "b"}, ""), cka_colour(std::nan(""))), 1000);
}

TEST(CkaPicture, MoreAlikeIsDarker) {
    const auto light = [](double value) {
        const auto c = cka_colour(value);
        return 3 * c[0] + 6 * c[1] + c[2];
    };
    for (double value = 0; value < 0.95; value += 0.1) EXPECT_GT(light(value), light(value + 0.1)) << value;
    EXPECT_EQ(cka_colour(-0.2), cka_colour(0));
}

}  // namespace
}  // namespace moco::testing
