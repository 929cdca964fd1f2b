// Features of a data set: rows in order, any number of workers, unreadable images left out, the mode untouched.
#include "moco/eval/features.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "moco/data/shapes.h"
#include "moco/tasks/pretrain_settings.h"
#include "nn/network.h"
#include "ops/l2_normalize.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class FeaturesTest : public EachBackend {
  protected:
    Network make_encoder() {
        PretrainSettings config = preset<PretrainSettings>("cifar-demo");
        config.encoder.width = 4;
        config.method.moco_dim = 6;
        return Network(network_config(config, 3), 1, backend());
    }
    FeatureOptions options() {
        FeatureOptions options;
        options.batch = 16;
        return options;
    }
    /// Of all images in one block.
    Tensor pixels(const DatasetPtr& data, const FeatureOptions& options) {
        Tensor rows;
        visit_pixels(data, {}, options, int64_t{1} << 30, backend(), [&](const LabelledRows& all) {
            EXPECT_FALSE(rows.defined()) << "a second block";
            rows = all.rows;
        });
        return rows;
    }
    DatasetPtr data_ = open_shapes(50).train;
};

TEST_P(FeaturesTest, AreTheNetworksOutputsInOrder) {
    Network f = make_encoder();
    const Features all = extract_features(f, data_, {}, options(), backend());
    ASSERT_EQ(all.backbone.shape(), (Shape{50, 32}));
    ASSERT_EQ(all.projection.shape(), (Shape{50, 6}));
    EXPECT_EQ(f.mode(), BatchNormMode::train);
    for (int64_t i = 0; i < 50; ++i) {
        EXPECT_EQ(all.indices[static_cast<size_t>(i)], i);
        EXPECT_EQ(all.labels[static_cast<size_t>(i)], data_->label(i));
    }
    const NoGrad evaluation;
    f.set_mode(BatchNormMode::eval);
    EvalLoader one(data_, {}, {.batch = 1}, backend());
    for (int64_t i = 0; i < 20; ++i) {
        const EvalBatch batch = *one.next();
        // Another batch size may choose another convolution: equal to rounding (1e-6 a layer), not to the bit.
        EXPECT_LT(error_over_rms(f.features(batch.images).to_vector(), all.backbone.rows(i, i + 1).to_vector()), 1e-4);
        EXPECT_LT(error_over_rms(f.forward(batch.images).to_vector(), all.projection.rows(i, i + 1).to_vector()), 1e-4);
    }
    extract_features(f, data_, {}, options(), backend());
    EXPECT_EQ(f.mode(), BatchNormMode::eval);
}

TEST_P(FeaturesTest, OfStagesAreTheirPooledMaps) {
    Network f = make_encoder();
    FeatureOptions stages = options();
    stages.layers = {FeatureLayer::stages, FeatureLayer::backbone};
    const Features all = extract_features(f, data_, {}, stages, backend());
    ASSERT_EQ(all.stages.size(), 5u);
    EXPECT_EQ(all.stages[0].stage, "stem");
    EXPECT_EQ(all.stages[0].rows.shape(), (Shape{50, 4}));
    EXPECT_EQ(all.stages[4].stage, "layer4");
    EXPECT_EQ(all.stages[4].rows.to_vector(), all.backbone.to_vector());
    EXPECT_TRUE(extract_features(f, data_, {}, options(), backend()).stages.empty());
}

TEST_P(FeaturesTest, SeeImagesAsTheyAreChanged) {
    Network f = make_encoder();
    FeatureOptions flipped = options();
    flipped.change = [](int64_t index, int64_t, int64_t, AugmentParams& params) { params.flip = index % 2 == 1; };
    const Tensor plain = extract_features(f, data_, {}, options(), backend()).backbone;
    const Tensor changed = extract_features(f, data_, {}, flipped, backend()).backbone;
    for (int64_t i = 0; i < 50; ++i) {
        const bool same = plain.rows(i, i + 1).to_vector() == changed.rows(i, i + 1).to_vector();
        EXPECT_EQ(same, i % 2 == 0) << i;
    }
}

TEST_P(FeaturesTest, TakeFewerLargeImagesAtATime) {
    EXPECT_EQ(images_per_pass(1), 250);
    EXPECT_EQ(images_per_pass(64), 250);
    EXPECT_EQ(images_per_pass(65), 242);
    EXPECT_EQ(images_per_pass(224), 20);
    EXPECT_EQ(images_per_pass(2000), 1);
    std::vector<int64_t> done;
    FeatureOptions chosen;
    chosen.progress = [&](int64_t images) { done.push_back(images); };
    visit_pixels(data_, {TransformKind::resize_crop, 160, 160}, chosen, 1, backend(), [](const LabelledRows&) {});
    EXPECT_EQ(done, (std::vector<int64_t>{40, 50}));
}

TEST_P(FeaturesTest, AreNormalisedOnDemand) {
    Network f = make_encoder();
    FeatureOptions normalised = options();
    normalised.rows = FeatureRows::normalised;
    const Features given = extract_features(f, data_, {}, options(), backend());
    const Features unit = extract_features(f, data_, {}, normalised, backend());
    EXPECT_EQ(unit.backbone.to_vector(), l2_normalize(given.backbone).to_vector());
    EXPECT_EQ(unit.projection.to_vector(), l2_normalize(given.projection).to_vector());
    EXPECT_EQ(pixels(data_, normalised).to_vector(), l2_normalize(pixels(data_, options())).to_vector());
}

TEST_P(FeaturesTest, DoNotDependOnWorkersOrOnWhatElseIsAskedFor) {
    Network f = make_encoder();
    const Features all = extract_features(f, data_, {}, options(), backend());
    for (const int workers : {0, 3}) {
        FeatureOptions some = options();
        some.workers = workers;
        some.layers = {FeatureLayer::projection};
        some.limit = 37;
        std::vector<int64_t> progress;
        some.progress = [&](int64_t images) { progress.push_back(images); };
        const Features features = extract_features(f, data_, {}, some, backend());
        EXPECT_FALSE(features.backbone.defined());
        EXPECT_EQ(features.projection.to_vector(), all.projection.rows(0, 37).to_vector());
        EXPECT_EQ(progress, (std::vector<int64_t>{16, 32, 37}));
    }
}

TEST_P(FeaturesTest, UnreadableImagesAreLeftOutAndNamed) {
    Network f = make_encoder();
    const Features all = extract_features(f, data_, {}, options(), backend());
    const auto flawed = std::make_shared<FlawedDataset>(data_, std::set<int64_t>{0, 17});
    const Features features = extract_features(f, flawed, {}, options(), backend());
    ASSERT_EQ(features.backbone.dim(0), 48);
    EXPECT_EQ(features.indices[0], 1);
    EXPECT_EQ(features.indices[16], 18);
    EXPECT_EQ(features.labels[16], data_->label(18));
    EXPECT_EQ(features.backbone.rows(16, 17).to_vector(), all.backbone.rows(18, 19).to_vector());
    ASSERT_EQ(features.unreadable.size(), 2u);
    EXPECT_EQ(features.unreadable[1].index, 17);

    std::set<int64_t> everything;
    for (int64_t i = 0; i < 50; ++i) everything.insert(i);
    const auto hopeless = std::make_shared<FlawedDataset>(data_, everything);
    expect_error([&] { extract_features(f, hopeless, {}, options(), backend()); },
                 {"none of the 50 images can be read", "is damaged"});
}

TEST_P(FeaturesTest, PixelsAreTheImagesAsTheNetworkSeesThem) {
    const Tensor all = pixels(data_, options());
    ASSERT_EQ(all.shape(), (Shape{50, 32 * 32 * 3}));
    const Image image = data_->load(3);
    const Normalization& normalization = data_->info().normalization;
    const std::vector<float> row = all.rows(3, 4).to_vector();
    for (size_t i = 0; i < row.size(); i += 101) {
        EXPECT_NEAR(row[i], (image.pixels[i] / 255.0f - normalization.mean[i % 3]) / normalization.std[i % 3], 1e-5);
    }
}

TEST_P(FeaturesTest, PixelsComeInBlocksThatDoNotGrowWithTheirNumber) {
    const std::vector<float> all = pixels(data_, options()).to_vector();
    const auto flawed = std::make_shared<FlawedDataset>(data_, std::set<int64_t>{0, 17});
    for (const int64_t most : {1, 20, 33}) {  // images; a batch has 16
        std::vector<float> seen;
        std::vector<int64_t> labels;
        int64_t largest = 0;
        EXPECT_TRUE(
            visit_pixels(data_, {}, options(), most * 32 * 32 * 3 * 4, backend(), [&](const LabelledRows& block) {
                const std::vector<float> rows = block.rows.to_vector();
                seen.insert(seen.end(), rows.begin(), rows.end());
                labels.insert(labels.end(), block.labels.begin(), block.labels.end());
                largest = std::max(largest, block.rows.dim(0));
            }));
        EXPECT_EQ(seen, all);
        EXPECT_EQ(largest, most == 1 ? 16 : most == 20 ? 18 : 32);
        for (size_t i = 0; i < 50; ++i) EXPECT_EQ(labels[i], data_->label(static_cast<int64_t>(i)));
    }
    EXPECT_EQ(pixels(flawed, options()).dim(0), 48);
}

TEST_P(FeaturesTest, StopWhenAskedTo) {
    Network f = make_encoder();
    std::atomic<bool> stop = false;
    FeatureOptions some = options();
    some.stop = &stop;
    some.progress = [&](int64_t) { stop = true; };
    EXPECT_TRUE(extract_features(f, data_, {}, some, backend()).stopped);
    EXPECT_FALSE(visit_pixels(data_, {}, some, 1, backend(), [](const LabelledRows&) {}));
}

MOCO_FOR_EACH_BACKEND(FeaturesTest);

}  // namespace
}  // namespace moco::testing
