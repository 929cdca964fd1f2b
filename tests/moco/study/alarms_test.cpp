// Alarms on made-up histories: each is raised by the history that it is for, and by no other.
#include "moco/study/alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RunFacts facts() {
    RunFacts run;
    run.K = 4096, run.images = 50000, run.C = 128, run.keys_a_step = 128;
    run.m = 0.99, run.T = 0.1;
    return run;
}

std::vector<std::string> names(const RunFacts& run, const RunHistory& history) {
    std::vector<std::string> all;
    for (const Alarm& alarm : alarms_of(run, history)) all.push_back(alarm.name);
    return all;
}

/// Logged every ten steps, as a healthy run goes: the loss falls, accuracies grow and scatter by a few points.
RunHistory healthy() {
    RunHistory history;
    for (int64_t i = 1; i <= 300; ++i) {
        const double done = static_cast<double>(i) / 300, scatter = static_cast<double>(i * 7 % 11) - 5;
        history.steps.push_back({10 * i, 7.5 - 4 * done + 0.05 * scatter, 10 + 40 * done + scatter});
    }
    for (int64_t i = 1; i <= 10; ++i) {
        history.epochs.push_back({i, 300 * i, 7.5 - 0.4 * static_cast<double>(i), 10 + 4.0 * static_cast<double>(i),
                                  20 + 3.0 * static_cast<double>(i)});
        history.keys.push_back({300 * i, 20});
    }
    return history;
}

TEST(Alarms, AHealthyRunRaisesNone) {
    EXPECT_THAT(names(facts(), healthy()), IsEmpty());
    EXPECT_THAT(names(facts(), {}), IsEmpty());
}

TEST(Alarms, AQueueAsLargeAsTheDataIsToldOfAtOnce) {
    RunFacts run = facts();
    run.images = 4096;
    EXPECT_THAT(names(run, {}), ElementsAre("large-queue"));
    EXPECT_THAT(alarms_of(run, {})[0].text, HasSubstr("4096 keys, there are only 4096 images"));
    run.images = 4097;
    EXPECT_THAT(names(run, {}), IsEmpty());
}

TEST(Alarms, ALossAtChanceIsToldOf) {
    RunHistory history = healthy();
    for (RunHistory::Step& step : history.steps) step.loss = 8.25, step.contrast_accuracy = 0.1;
    EXPECT_THAT(names(facts(), history), ElementsAre("chance"));
    EXPECT_THAT(alarms_of(facts(), history)[0].text, HasSubstr("8.25 for 990 steps, chance is 8.32"));
    // At a high temperature chance and floor lie closer together.
    RunFacts warm = facts();
    warm.T = 1;
    for (RunHistory::Step& step : history.steps) step.loss = 8.0;
    EXPECT_THAT(names(warm, history), IsEmpty());
    // The sum of two directions.
    RunFacts symmetric = facts();
    symmetric.directions = 2;
    for (RunHistory::Step& step : history.steps) step.loss = 16.5;
    EXPECT_THAT(names(symmetric, history), ElementsAre("chance"));
}

TEST(Alarms, TheFirstStepsAreNotJudged) {
    RunHistory history;
    for (int64_t i = 1; i <= 99; ++i) history.steps.push_back({i, 8.3, i % 8 < 4 ? 0.0 : 60.0});
    EXPECT_THAT(names(facts(), history), IsEmpty());
    // A hundred steps, but the first of them still saw random keys.
    history.steps.push_back({100, 8.3, 0});
    EXPECT_THAT(names(facts(), history), IsEmpty());
    for (RunHistory::Step& step : history.steps) step.step += 32;
    EXPECT_THAT(names(facts(), history), ElementsAre("chance", "oscillation"));
}

TEST(Alarms, AnAccuracyThatSwingsIsToldOf) {
    RunHistory history = healthy();
    RunFacts run = facts();
    run.m = 0;
    for (size_t i = 0; i < history.steps.size(); ++i) history.steps[i].contrast_accuracy = i % 20 < 10 ? 2 : 55;
    EXPECT_THAT(names(run, history), ElementsAre("oscillation"));
    EXPECT_THAT(alarms_of(run, history)[0].text, HasSubstr("between 2 and 55 %"));
    EXPECT_THAT(alarms_of(run, history)[0].text, HasSubstr("now 0;"));
    // One rise is no oscillation.
    for (size_t i = 0; i < history.steps.size(); ++i) history.steps[i].contrast_accuracy = i < 250 ? 2 : 55;
    EXPECT_THAT(names(run, history), IsEmpty());
}

TEST(Alarms, CertainQueriesOfPoorFeaturesAreToldOf) {
    RunHistory history = healthy();
    history.epochs.back().contrast_accuracy = 99.95;
    EXPECT_THAT(names(facts(), history), IsEmpty());  // kNN still grows
    history.epochs.back().knn = 47;                   // as in the epoch before
    EXPECT_THAT(names(facts(), history), ElementsAre("leak"));
    RunFacts run = facts();
    EXPECT_THAT(alarms_of(run, history)[0].text, HasSubstr("--bn-splits"));
    run.shuffled = false;
    EXPECT_THAT(alarms_of(run, history)[0].text, HasSubstr("--no-shuffle-bn"));
    history.epochs.back().knn = -1;  // not measured
    EXPECT_THAT(names(facts(), history), IsEmpty());
}

TEST(Alarms, KeysInOneDirectionAreToldOf) {
    RunHistory history = healthy();
    history.keys.back().effective_rank = 1.2;
    EXPECT_THAT(names(facts(), history), IsEmpty());  // once may be chance
    history.keys.push_back({3000, 1.4});
    EXPECT_THAT(names(facts(), history), ElementsAre("collapse"));
    EXPECT_THAT(alarms_of(facts(), history)[0].text, HasSubstr("1.4 of 128 directions"));
}

TEST(Alarms, ChanceAndFloorAreThoseOfThePaper) {
    RunFacts run = facts();
    run.K = 65536, run.T = 0.07;
    EXPECT_NEAR(chance_loss(run), 11.090, 5e-4);
    EXPECT_NEAR(floor_loss(run), 0.040, 5e-4);
    run.T = 0.2, run.directions = 2;
    EXPECT_NEAR(floor_loss(run), 2 * 6.093, 1e-3);
}

TEST(RunHistory, IsReadBackFromTheLog) {
    const TempFolder folder;
    write_bytes(folder / "metrics.jsonl",
                "{\"type\":\"step\",\"epoch\":1,\"step\":10,\"loss\":8.1,\"contrast_accuracy\":2.5}\n"
                "{\"type\":\"diagnostics\",\"epoch\":1,\"step\":10,\"alignment\":0.5}\n"
                "{\"type\":\"diagnostics\",\"epoch\":1,\"step\":100,\"effective_rank\":12.5}\n"
                "{\"type\":\"alarm\",\"epoch\":1,\"step\":100,\"alarm\":\"chance\",\"text\":\"...\"}\n"
                "no JSON\n"
                "{\"type\":\"epoch\",\"epoch\":1,\"step\":100,\"loss\":8,\"contrast_accuracy\":3,\"knn_backbone\":40}\n"
                "{\"type\":\"epoch\",\"epoch\":2,\"step\":200,\"loss\":7,\"contrast_accuracy\":4}\n");
    const RunHistory history = read_history(folder / "metrics.jsonl", 6);
    ASSERT_EQ(history.steps.size(), 1u);
    EXPECT_EQ(history.steps[0].loss, 8.1);
    ASSERT_EQ(history.keys.size(), 1u);
    EXPECT_EQ(history.keys[0].effective_rank, 12.5);
    EXPECT_THAT(history.alarms, ElementsAre("chance"));
    ASSERT_EQ(history.epochs.size(), 1u);  // the seventh line is beyond what the checkpoint counts
    EXPECT_EQ(history.epochs[0].knn, 40);
    EXPECT_TRUE(read_history(folder / "none", 3).steps.empty());
}

}  // namespace
}  // namespace moco::testing
