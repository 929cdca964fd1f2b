// Curves of a log that the test writes.
#include "moco/study/run_curves.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

class RunCurves : public ::testing::Test {
  protected:
    RunCurves() {
        write_bytes(metrics_,
                    "{\"type\":\"baselines\",\"knn_pixels\":40}\n"
                    "{\"type\":\"step\",\"epoch\":1,\"step\":2,\"loss\":8}\n"
                    "{\"type\":\"diagnostics\",\"epoch\":1,\"step\":2,\"gradient_norm\":3,"
                    "\"consistency\":{\"age\":[1],\"values\":[0.9]}}\n"
                    "{\"type\":\"step\",\"epoch\":1,\"step\":4,\"loss\":null}\n"
                    "{\"type\":\"epoch\",\"epoch\":1,\"step\":5,\"loss\":7.5,\"knn_backbone\":50}\n"
                    "{\"type\":\"step\",\"epoch\":2,\"step\":6,\"loss\":6}\n"
                    "{\"type\":\"diagnostics\",\"epoch\":2,\"step\":6,\"gradient_norm\":2,"
                    "\"consistency\":{\"age\":[1,2],\"values\":[0.8,0.7]},"
                    "\"positives\":{\"low\":-1,\"high\":1,\"counts\":[0,1,0,3]}}\n"
                    "{\"type\":\"step\",\"ep");  // torn
    }
    static std::vector<std::pair<double, double>> pairs(const ChartSeries& series) {
        std::vector<std::pair<double, double>> all;
        for (const ChartPoint& point : series.points) all.emplace_back(point.x, point.y);
        return all;
    }

    using Pairs = std::vector<std::pair<double, double>>;
    TempFolder folder_;
    std::filesystem::path metrics_ = folder_ / "metrics.jsonl";
};

TEST_F(RunCurves, NumbersAreDrawnOverStepsOrEpochs) {
    EXPECT_EQ(pairs(curve_of(metrics_, "loss", CurveAxis::step)), (Pairs{{2, 8}, {6, 6}}));
    EXPECT_EQ(pairs(curve_of(metrics_, "loss", CurveAxis::epoch)), (Pairs{{0.4, 8}, {1.2, 6}}));
    EXPECT_EQ(pairs(curve_of(metrics_, "gradient_norm", CurveAxis::step)), (Pairs{{2, 3}, {6, 2}}));
    EXPECT_EQ(pairs(curve_of(metrics_, "knn_backbone", CurveAxis::epoch)), (Pairs{{1, 50}}));
    EXPECT_EQ(axis_of(metrics_, "loss", CurveAxis::epoch), "epoch");
}

TEST_F(RunCurves, OfSeriesAndHistogramsTheLastIsDrawn) {
    EXPECT_EQ(pairs(curve_of(metrics_, "consistency", CurveAxis::step)), (Pairs{{1, 0.8}, {2, 0.7}}));
    EXPECT_EQ(axis_of(metrics_, "consistency", CurveAxis::step), "age");
    EXPECT_EQ(pairs(curve_of(metrics_, "consistency@1", CurveAxis::step)), (Pairs{{2, 0.9}, {6, 0.8}}));
    EXPECT_EQ(pairs(curve_of(metrics_, "consistency@2", CurveAxis::step)), (Pairs{{6, 0.7}}));
    EXPECT_EQ(axis_of(metrics_, "consistency@2", CurveAxis::step), "step");
    expect_error([&] { curve_of(metrics_, "consistency@3", CurveAxis::step); }, {"has no consistency@3 to draw"});
    expect_error([&] { curve_of(metrics_, "consistency@x", CurveAxis::step); }, {"expected a number behind the @"});
    EXPECT_EQ(pairs(curve_of(metrics_, "positives", CurveAxis::step)),
              (Pairs{{-0.75, 0}, {-0.25, 0.25}, {0.25, 0}, {0.75, 0.75}}));
    EXPECT_EQ(axis_of(metrics_, "positives", CurveAxis::step), "similarity");
}

TEST_F(RunCurves, AFieldThatIsNotThereIsNamedWithThoseThatAre) {
    expect_error([&] { curve_of(metrics_, "knn", CurveAxis::step); },
                 {"metrics.jsonl has no 'knn' to draw", "consistency", "gradient_norm", "knn_backbone", "loss"});
    expect_error([&] { curve_of(metrics_, "type", CurveAxis::step); }, {"no 'type' to draw"});
    expect_error([&] { curve_of(folder_ / "none", "loss", CurveAxis::step); }, {"none", "cannot be read"});
}

}  // namespace
}  // namespace moco::testing
