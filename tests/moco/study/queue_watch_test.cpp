// What lies in the queue, on a queue of six keys that is small enough to count by hand.
#include "moco/study/queue_watch.h"

#include <gtest/gtest.h>

#include <map>

#include "moco/data/memory_dataset.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

/// Eight images of the classes 0, 0, 1, 1, 2, 2, 2, 2.
DatasetPtr images(std::vector<uint8_t> labels = {0, 0, 1, 1, 2, 2, 2, 2}) {
    DatasetInfo info;
    info.count = 8, info.channels = 1, info.H = 1, info.W = 1;
    info.classes = labels.empty() ? 0 : 3;
    return std::make_shared<MemoryDataset>(info, std::vector<uint8_t>(8), std::move(labels), "images");
}

std::map<std::string, double> values_of(const DiagnosticsReport& report) {
    std::map<std::string, double> values;
    for (const Measurement& one : report.values) values[one.name] = one.value;
    return values;
}

TEST(QueueWatch, CountsOfWhichImagesTheKeysAre) {
    QueueWatch watch(images(), 6, 1, cpu());
    DiagnosticsReport report;
    watch.before_step({0, 2}, 0, 1, report);  // the queue becomes 0 2 - - - -
    watch.before_step({4, 5}, 2, 2, report);  // 0 2 4 5 - -
    EXPECT_TRUE(report.empty());
    watch.before_step({1, 4}, 4, QueueWatch::kEvery, report);  // sees 0 2 4 5 - -
    auto values = values_of(report);
    EXPECT_EQ(values["queue_age"], 2);
    EXPECT_NEAR(values["queue_random"], 2.0 / 6, 1e-12);
    EXPECT_NEAR(values["queue_same_image"], 1.0 / 6, 1e-12);              // 4
    EXPECT_NEAR(values["queue_same_class"], (1.0 + 2.0) / 2 / 4, 1e-12);  // of 1: 0; of 4: 4 and 5; four are known

    report = {};
    watch.before_step({6, 7}, 0, 2 * QueueWatch::kEvery, report);  // sees 0 2 4 5 1 4
    values = values_of(report);
    EXPECT_EQ(values["queue_age"], 3);
    EXPECT_EQ(values["queue_random"], 0);
    EXPECT_EQ(values["queue_same_image"], 0);
    EXPECT_NEAR(values["queue_same_class"], 3.0 / 6, 1e-12);

    report = {};
    watch.before_step({6, 3}, 2, 3 * QueueWatch::kEvery, report);  // sees 6 7 4 5 1 4
    EXPECT_NEAR(values_of(report)["queue_same_image"], 1.0 / 6, 1e-12);
    EXPECT_NEAR(values_of(report)["queue_same_class"], (5.0 + 0.0) / 2 / 6, 1e-12);
}

TEST(QueueWatch, ASymmetricLossEnqueuesEveryImageTwice) {
    QueueWatch watch(images(), 6, 2, cpu());
    DiagnosticsReport report;
    watch.before_step({0, 2}, 4, 1, report);  // wraps around: 0 2 - - 0 2
    watch.before_step({2, 3}, 2, QueueWatch::kEvery, report);
    auto values = values_of(report);
    EXPECT_EQ(values["queue_age"], 1);
    EXPECT_NEAR(values["queue_random"], 2.0 / 6, 1e-12);
    EXPECT_NEAR(values["queue_same_image"], 2.0 / 6, 1e-12);
}

TEST(QueueWatch, ImagesWithoutLabelsHaveNoClasses) {
    QueueWatch watch(images({}), 6, 1, cpu());
    DiagnosticsReport report;
    watch.before_step({0, 2}, 0, QueueWatch::kEvery, report);
    EXPECT_FALSE(values_of(report).contains("queue_same_class"));
    EXPECT_EQ(values_of(report)["queue_random"], 1);
}

}  // namespace
}  // namespace moco::testing
