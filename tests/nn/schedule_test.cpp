// Learning rates against their formulas.
#include "nn/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

Schedule cosine(int64_t epochs, SchedulePer per, int64_t first_epoch) {
    Schedule s;
    s.base_lr = 0.06f;
    s.epochs = epochs;
    s.per = per;
    s.first_epoch = first_epoch;
    return s;
}

TEST(Schedule, CosineOfTheEpoch) {
    const Schedule s = cosine(200, SchedulePer::epoch, 0);
    for (const int64_t epoch : {0, 1, 50, 100, 150, 199}) {
        const double expected = 0.06 * 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(epoch) / 200));
        for (const int64_t step : {0, 7, 99}) {
            EXPECT_NEAR(learning_rate(s, epoch, step, 100), expected, 1e-8) << "epoch " << epoch << " step " << step;
        }
    }
    EXPECT_EQ(learning_rate(s, 0, 0, 100), 0.06f);
    EXPECT_NEAR(learning_rate(s, 100, 0, 100), 0.03, 1e-8);
    EXPECT_GT(learning_rate(s, 199, 99, 100), 0);
}

TEST(Schedule, CountedFromOneTheLastEpochRunsAtZero) {
    const Schedule s = cosine(200, SchedulePer::epoch, 1);
    EXPECT_NEAR(learning_rate(s, 0, 0, 10), 0.06 * 0.5 * (1 + std::cos(std::numbers::pi / 200)), 1e-8);
    EXPECT_NEAR(learning_rate(s, 99, 0, 10), 0.03, 1e-8);
    EXPECT_EQ(learning_rate(s, 199, 9, 10), 0);
}

TEST(Schedule, CosineOfTheStep) {
    const Schedule s = cosine(10, SchedulePer::step, 0);
    for (int64_t epoch = 0; epoch < 10; ++epoch) {
        for (int64_t step = 0; step < 4; ++step) {
            const double e = static_cast<double>(epoch) + static_cast<double>(step) / 4;
            EXPECT_NEAR(learning_rate(s, epoch, step, 4), 0.03 * (1 + std::cos(std::numbers::pi * e / 10)), 1e-8);
        }
    }
    // From 1 the last epoch would climb again; it stays at 0.
    EXPECT_EQ(learning_rate(cosine(10, SchedulePer::step, 1), 9, 3, 4), 0);
}

TEST(Schedule, StepsAtTheMilestones) {
    Schedule s;
    s.kind = ScheduleKind::step;
    s.base_lr = 0.03f;
    const auto rate = [&](int64_t epoch) { return learning_rate(s, epoch, 3, 10); };
    EXPECT_EQ(rate(0), 0.03f);
    EXPECT_EQ(rate(119), 0.03f);
    EXPECT_FLOAT_EQ(rate(120), 0.003f);
    EXPECT_FLOAT_EQ(rate(159), 0.003f);
    EXPECT_FLOAT_EQ(rate(160), 0.0003f);
    EXPECT_FLOAT_EQ(rate(199), 0.0003f);
    s.per = SchedulePer::step;
    EXPECT_EQ(rate(119), 0.03f);
    EXPECT_FLOAT_EQ(rate(120), 0.003f);
    s.first_epoch = 1;
    EXPECT_FLOAT_EQ(rate(119), 0.003f) << "counted from 1, epoch 120 is the 120th";
}

TEST(Schedule, WarmsUpStepByStepAndThenFollowsTheRest) {
    Schedule s = cosine(10, SchedulePer::epoch, 0);
    s.warmup = 2;
    EXPECT_FLOAT_EQ(learning_rate(s, 0, 0, 4), 0.06f / 8);
    EXPECT_FLOAT_EQ(learning_rate(s, 1, 2, 4), 0.06f * 7 / 8);
    EXPECT_EQ(learning_rate(s, 1, 3, 4), 0.06f) << "the last step of the warm-up";
    EXPECT_EQ(learning_rate(s, 2, 0, 4), 0.06f);
    EXPECT_NEAR(learning_rate(s, 6, 0, 4), 0.03, 1e-8) << "half of the eight epochs that are left";
    s.kind = ScheduleKind::step;
    s.milestones = {3};
    EXPECT_EQ(learning_rate(s, 2, 0, 4), 0.06f);
    EXPECT_FLOAT_EQ(learning_rate(s, 3, 0, 4), 0.006f) << "milestones stay where they are";
    s.warmup = 0.5;  // of an epoch
    EXPECT_FLOAT_EQ(learning_rate(s, 0, 0, 4), 0.03f);
    EXPECT_EQ(learning_rate(s, 0, 1, 4), 0.06f);
}

TEST(Schedule, RefusesARunWithoutEpochs) {
    expect_error([] { learning_rate(cosine(0, SchedulePer::epoch, 0), 0, 0, 1); }, {"0 epochs"});
    expect_error([] { learning_rate(cosine(1, SchedulePer::step, 0), 0, 0, 0); }, {"0 steps"});
}

}  // namespace
}  // namespace moco::testing
