// What is proposed for images of other kinds and numbers, with made-up speeds.
#include "moco/study/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

DataSurvey images(int64_t count, int64_t side, int64_t channels = 3) {
    DataSurvey s;
    s.images = count, s.channels = channels;
    s.shorter = s.longer = {side, side, side};
    s.looked_at = count;
    return s;
}

DataSettings ours() {
    DataSettings data;
    data.spec = "folder:ours";
    return data;
}

/// A machine of this many images a second, whatever the network.
TimeSteps speed(double images_per_s, double bytes = 0) {
    return [=](const PretrainSettings&) { return StepTiming{images_per_s, 3, 16, bytes}; };
}

PretrainSettings settings_for(const DataSurvey& s, double images_per_s = 1e6) {
    return recipe_for(ours(), s, {}, speed(images_per_s)).settings;
}

TEST(RecipeForData, FollowsTheImages) {
    const PretrainSettings photographs = settings_for(images(1'300'000, 400));
    EXPECT_EQ(photographs.preset, "v2");
    EXPECT_EQ(photographs.encoder.arch, "resnet50");
    EXPECT_EQ(photographs.views.image_size, 224);
    EXPECT_EQ(photographs.method.moco_k, 65536);
    EXPECT_EQ(photographs.optimizer.epochs, 200);
    EXPECT_EQ(photographs.optimizer.batch_size, 256);
    EXPECT_EQ(photographs.optimizer.lr, 0.03);
    EXPECT_EQ(photographs.method.moco_m, 0.999);

    const PretrainSettings tiny = settings_for(images(50'000, 32));
    EXPECT_EQ(tiny.preset, "cifar-demo");
    EXPECT_EQ(tiny.encoder.stem, "cifar");
    EXPECT_EQ(tiny.views.image_size, 32);
    EXPECT_EQ(tiny.method.moco_k, 4096);
    EXPECT_EQ(tiny.method.moco_m, 0.99);

    EXPECT_EQ(settings_for(images(60'000, 28, 1)).preset, "fashion");
    EXPECT_EQ(settings_for(images(60'000, 28, 6)).views.jitter_p, 0.0);
    EXPECT_EQ(settings_for(images(5'000, 90)).encoder.stem, "cifar-s2");
    EXPECT_EQ(settings_for(images(5'000, 90)).views.image_size, 80);
    EXPECT_EQ(settings_for(images(5'000, 150)).views.image_size, 128);
}

TEST(RecipeForData, WorksForAnyNumberOfImages) {
    for (const int64_t count : {16, 17, 63, 100, 500, 1'000, 3'000, 20'000, 150'000, 10'000'000}) {
        for (const int64_t side : {8, 28, 64, 97, 500}) {
            const PretrainSettings s = settings_for(images(count, side), 1);  // recipe_for validates
            EXPECT_LE(s.optimizer.batch_size, count) << count;
            EXPECT_GE(s.method.moco_k, s.optimizer.batch_size) << count;
            EXPECT_LE(s.method.moco_k, std::max(count / 4, s.optimizer.batch_size)) << count;
        }
    }
    EXPECT_EQ(message_of([] { settings_for(images(15, 32)); }),
              "--data folder:ours has 15 images: too few to learn from; expected 16 or more");
}

TEST(RecipeForData, TakesTheLargestNetworkThatIsThroughInTime) {
    const TimeSteps by_width = [](const PretrainSettings& s) {
        return StepTiming{s.encoder.stem == "cifar" ? 10.0 : 64'000.0 / static_cast<double>(s.encoder.width), 3, 16, 0};
    };
    const PretrainRecipe recipe = recipe_for(ours(), images(50'000, 32), {.hours = 1}, by_width);
    EXPECT_EQ(recipe.settings.encoder.stem, "cifar-s2");
    EXPECT_EQ(recipe.settings.encoder.width, 64);
    EXPECT_NEAR(recipe.hours, 52.0 * 50'000 / 1000 / 3600, 0.01);
}

TEST(RecipeForData, ShortensARunThatNoNetworkMakesInTime) {
    const PretrainRecipe recipe = recipe_for(ours(), images(50'000, 32), {.hours = 1}, speed(100));
    EXPECT_EQ(recipe.settings.encoder.width, 16);
    EXPECT_EQ(recipe.settings.optimizer.epochs, 7) << "of 50,000 images each, at 360,000 an hour";
    EXPECT_LE(recipe.hours, 1.0);
    EXPECT_THAT(recipe.reasons, Contains(Field(&Reason::why, HasSubstr("1 hours allow; 52 would be better"))));
}

TEST(RecipeForData, CutsTheBatchWhereMemoryIsShort) {
    const double bytes = static_cast<double>(1 << 30) / 16;  // a GiB for 16 images
    const PretrainRecipe recipe =
        recipe_for(ours(), images(1'300'000, 400), {.hours = 1e6, .memory_gib = 8}, speed(1e6, bytes));
    EXPECT_EQ(recipe.settings.optimizer.accumulate, 4);
    EXPECT_LE(recipe.gib, 0.6 * 8);
}

}  // namespace
}  // namespace moco::testing
