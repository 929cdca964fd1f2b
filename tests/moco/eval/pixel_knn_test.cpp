// Pixels in blocks against pixels at once.
#include "moco/eval/pixel_knn.h"

#include <gtest/gtest.h>

#include "moco/data/shapes.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

class PixelKnnTest : public EachBackend {};

TEST_P(PixelKnnTest, BlocksOfAnySizeGiveTheAccuracyOfTheWhole) {
    const Splits data = open_shapes(120);
    FeatureOptions options;
    options.batch = 8;
    options.rows = FeatureRows::normalised;
    const auto rows_of = [&](const DatasetPtr& part) {
        LabelledRows all;
        visit_pixels(part, {}, options, int64_t{1} << 30, backend(), [&](const LabelledRows& rows) { all = rows; });
        return all;
    };
    const LabelledRows bank = rows_of(data.train), queries = rows_of(data.test);
    const KnnOptions knn = {10, 0.1f};
    const double whole =
        knn_accuracy(bank.rows, bank.labels, queries.rows, queries.labels, data.train->info().classes, knn);
    EXPECT_GT(whole, 0);
    EXPECT_LT(whole, 100);
    constexpr int64_t kImage = 32 * 32 * 3 * sizeof(float);
    for (const PixelBlocks& blocks : {PixelBlocks{}, {1, 1}, {1 << 30, 50 * kImage}, {13 * kImage, 1 << 30}}) {
        EXPECT_EQ(pixel_knn_accuracy(data, {}, options, knn, backend(), blocks), whole);
    }
}

TEST_P(PixelKnnTest, StopsWhenAskedTo) {
    std::atomic<bool> stop = true;
    FeatureOptions options;
    options.stop = &stop;
    EXPECT_EQ(pixel_knn_accuracy(open_shapes(20), {}, options, {}, backend()), std::nullopt);
}

MOCO_FOR_EACH_BACKEND(PixelKnnTest);

}  // namespace
}  // namespace moco::testing
