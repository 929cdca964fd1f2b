#include "moco/data/shapes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/random.h"
#include "moco/data/shapes_drawing.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

TEST(Shapes, EveryClassComesEquallyOftenAndImagesDiffer) {
    const Splits splits = open_dataset("shapes:200");
    const DatasetInfo& info = splits.train->info();
    EXPECT_EQ(info.count, 200);
    EXPECT_EQ(splits.test->count(), 20);
    EXPECT_GE(info.classes, 8);
    EXPECT_EQ(info.channels, 3);
    EXPECT_EQ(info.H, 32);
    std::vector<int64_t> per_class(static_cast<size_t>(info.classes));
    for (int64_t i = 0; i < info.count; ++i) {
        ++per_class[static_cast<size_t>(splits.train->label(i))];
        for (int64_t j = 0; j < i; j += 17) ASSERT_NE(splits.train->load(i), splits.train->load(j));
    }
    for (const int64_t count : per_class) EXPECT_EQ(count, info.count / info.classes);
    EXPECT_NE(splits.train->load(0), splits.test->load(0));
    EXPECT_EQ(splits.train->load(5), open_dataset("shapes").train->load(5));
    EXPECT_EQ(open_dataset("shapes").train->count(), 20'000);
}

TEST(Shapes, TheNormalisationIsTheData) {
    const DatasetPtr train = open_shapes(1500).train;
    for (size_t c = 0; c < 3; ++c) {
        double sum = 0, squares = 0, count = 0;
        for (int64_t i = 0; i < train->count(); ++i) {
            const Image image = train->load(i);
            for (size_t at = c; at < image.pixels.size(); at += 3, ++count) {
                sum += image.pixels[at] / 255.0;
                squares += std::pow(image.pixels[at] / 255.0, 2);
            }
        }
        EXPECT_NEAR(sum / count, train->info().normalization.mean[c], 0.015);
        EXPECT_NEAR(std::sqrt(squares / count - std::pow(sum / count, 2)), train->info().normalization.std[c], 0.01);
    }
}

/// The largest difference between neighbouring pixels, over the sum of their channels.
double contrast(const Image& image) {
    double most = 0;
    for (int64_t y = 0; y < image.H; ++y) {
        for (int64_t x = 1; x < image.W; ++x) {
            double difference = 0;
            for (int64_t c = 0; c < 3; ++c) difference += std::abs(image.at(y, x)[c] - image.at(y, x - 1)[c]);
            most = std::max(most, difference);
        }
    }
    return most;
}

TEST(Shapes, EveryShapeStandsOut) {
    for (int64_t i = 0; i < 500; ++i) {
        Random random(3, Purpose::shapes, 0, static_cast<uint32_t>(i));
        EXPECT_GT(contrast(draw_shape(i % 10, 32, random)), 30) << i;
    }
}

TEST(Shapes, ImpossibleCountsAreNamed) {
    for (const char* spec : {"shapes:0", "shapes:-3", "shapes:many", "shapes:1e3", "shapes:99999999999"}) {
        expect_error([&] { open_dataset(spec); }, {std::string("--data ") + spec, "expected 1 to"});
    }
}

}  // namespace
}  // namespace moco::testing
