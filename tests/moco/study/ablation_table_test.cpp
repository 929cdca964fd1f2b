// Tables and pictures of made-up runs.
#include "moco/study/ablation_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "moco/study/ablation_charts.h"
#include "moco/study/published_values.h"
#include "tests/support/message.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Two values of m with two seeds each; keys are "VARIANT-SEED".
AblationRecord momentum() {
    AblationRecord record;
    record.plan = plan_of({{"moco-m", {"0", "0.99"}}});
    record.plan.name = "momentum";
    record.data = "shapes:64", record.common = "--preset fashion", record.epochs = 20;
    record.runs = {{0, 0, "0-0"}, {1, 0, "1-0"}, {0, 1, "0-1"}, {1, 1, "1-1"}};
    return record;
}

FindOutcome made_up() {
    return [](const std::string& key) -> std::optional<RunOutcome> {
        static const std::map<std::string, RunOutcome> kOutcomes = {
            {"0-0", {10.0, {}, {}, 8.2, {{10, 9.0}, {20, 10.0}}}},
            {"1-0", {20.0, 30.0, 40.0, 6.0, {{10, 12.0}, {20, 20.0}}}},
            {"1-1", {24.0, 34.0, 44.0, 6.0, {{10, 16.0}, {20, 24.0}}}},
        };
        const auto found = kOutcomes.find(key);
        return found == kOutcomes.end() ? std::nullopt : std::optional(found->second);
    };
}

TEST(Spread, IsTheMeanAndTheSampleDeviation) {
    const Spread spread = spread_of({1, 2, 3, 4});
    EXPECT_EQ(spread.n, 4);
    EXPECT_DOUBLE_EQ(spread.mean, 2.5);
    EXPECT_NEAR(spread.deviation, 1.2909944487, 1e-9);
    EXPECT_EQ(spread_text(spread), "2.50 ± 1.29");
    EXPECT_EQ(spread_text(spread_of({7})), "7.00");
    EXPECT_EQ(spread_text(spread_of({})), "-");
}

TEST(AblationTable, HasMeansDeviationsAndThePapersValues) {
    const std::string table = as_markdown({summary_of(momentum(), made_up())});
    EXPECT_THAT(table, HasSubstr("| moco-m=0 | 1 of 2 | 10.00 | - | - | 8.20 | *-* |"));
    EXPECT_THAT(table,
                HasSubstr("| moco-m=0.99 | 2 | 22.00 ± 2.83 | 32.00 ± 2.83 | 42.00 ± 2.83 | 6.00 ± 0.00 | *57.8* |"));
    EXPECT_THAT(table, HasSubstr("*other data: ImageNet, ResNet-50, linear top-1, 200 epochs* %"));
    EXPECT_THAT(table, HasSubstr("with m = 0 the loss oscillates"));
    EXPECT_THAT(table, HasSubstr("(momentum-epochs.svg)"));
    const std::string csv = as_csv({summary_of(momentum(), made_up())});
    EXPECT_THAT(csv, HasSubstr("\nmomentum,moco-m=0,1,2,10,,,,,,8.2,,,\n"));
    EXPECT_THAT(csv, HasSubstr("\nmomentum,moco-m=0.99,2,2,22,2.82843,32,2.82843,42,2.82843,6,0,57.8,"));
    EXPECT_THAT(runs_as_csv({momentum()}, made_up()), HasSubstr("momentum,moco-m=0.99,1,runs/1-1,24,34,44,6\n"));
}

TEST(AblationTable, HasNoPapersColumnWhereThePapersHaveNone) {
    AblationRecord record = momentum();
    record.plan = plan_of({{"wd", {"0", "1e-4"}}});
    EXPECT_THAT(as_markdown({summary_of(record, made_up())}), Not(HasSubstr("other data")));
}

TEST(AblationCharts, ShowTheAxisAndTheEpochs) {
    const std::vector<AblationChart> charts = charts_of(summary_of(momentum(), made_up()));
    ASSERT_EQ(charts.size(), 2u);
    EXPECT_EQ(charts[0].file, "momentum.svg");
    ASSERT_EQ(charts[0].chart.series.size(), 2u);
    EXPECT_THAT(charts[0].chart.series[1].name, HasSubstr("ImageNet"));
    EXPECT_EQ(charts[0].chart.x_ticks.size(), 5u) << "0 and the paper's four values";
    EXPECT_EQ(charts[1].file, "momentum-epochs.svg");
    ASSERT_EQ(charts[1].chart.series.size(), 2u);
    EXPECT_EQ(charts[1].chart.series[1].points[0].y, 14.0);
    EXPECT_NEAR(charts[1].chart.series[1].points[0].deviation, 2.828, 1e-3);
    EXPECT_TRUE(charts_of(summary_of(momentum(), [](const std::string&) { return std::nullopt; })).empty());
}

TEST(PublishedValues, AreFoundBySizeNotBySpelling) {
    EXPECT_TRUE(same_value("0.90", "0.9"));
    EXPECT_FALSE(same_value("0.9", "0.99"));
    EXPECT_TRUE(same_value("+mlp", "+mlp"));
    EXPECT_EQ(published_along("moco-t").size(), 6u);
    EXPECT_TRUE(published_along("wd").empty());
    AblationRecord record = momentum();
    record.plan = plan_of({{"moco-k", {"4096", "256"}}});
    EXPECT_EQ(summary_of(record, made_up()).variants[0].published, 59.0);
    EXPECT_EQ(summary_of(record, made_up()).variants[1].published, std::nullopt);
    record.plan = plan_of({{"mechanism", {"memory-bank"}}, {"moco-k", {"4096", "65536"}}});
    EXPECT_EQ(summary_of(record, made_up()).variants[1].published, 58.0);
}

TEST(AblationRecords, SurviveTheirFiles) {
    const TempFolder folder;
    write_record(folder.path(), momentum());
    const std::vector<AblationRecord> read = read_records(folder.path());
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(read[0].plan.variants[1].settings, momentum().plan.variants[1].settings);
    EXPECT_EQ(read[0].runs[3].key, "1-1");
    EXPECT_EQ(as_markdown({summary_of(read[0], made_up())}), as_markdown({summary_of(momentum(), made_up())}));
    write_bytes(folder / "plans/momentum.json", "{\"name\": 3");
    EXPECT_THAT(message_of([&] { read_records(folder.path()); }), HasSubstr("momentum.json is damaged"));
}

TEST(AblationRecords, OfSeveralMachinesBecomeOne) {
    AblationRecord here = momentum(), there = momentum();
    here.runs.resize(2);
    there.plan = plan_of({{"moco-m", {"0.99", "0.999"}}});
    there.plan.name = "momentum";
    there.runs = {{0, 0, "1-0"}, {0, 1, "1-1"}, {1, 1, "2-1"}};
    const std::vector<AblationRecord> both = merged({here, there});
    ASSERT_EQ(both.size(), 1u);
    EXPECT_EQ(both[0].plan.variants.size(), 3u);
    EXPECT_EQ(both[0].runs.size(), 4u) << "1-0 is in both";
    EXPECT_EQ(summary_of(both[0], made_up()).variants[1].runs, 2);
    there.common = "--preset fashion --epochs 5";
    EXPECT_THAT(message_of([&] { merged({here, there}); }), HasSubstr("two plans are called momentum and differ"));
}

TEST(RunOutcomes, AreReadFromTheRun) {
    const TempFolder folder;
    std::filesystem::create_directories(folder / "eval/knn");
    write_bytes(folder / "metrics.jsonl",
                "{\"type\":\"step\",\"epoch\":1,\"step\":1,\"loss\":3.0}\n"
                "{\"type\":\"epoch\",\"epoch\":1,\"loss\":2.5,\"knn_backbone\":11.0,\"knn_projection\":12.0}\n"
                "{\"type\":\"epoch\",\"epoch\":2,\"loss\":2.0}\n"
                "{\"type\":\"epoch\",\"epoch\":3,\"loss\":1.0");
    RunOutcome outcome = outcome_of(folder.path());
    EXPECT_EQ(outcome.knn, 11.0);
    EXPECT_EQ(outcome.projection, 12.0);
    EXPECT_EQ(outcome.loss, 2.0) << "the last line is not whole";
    EXPECT_EQ(outcome.probe, std::nullopt);
    EXPECT_EQ(outcome.curve.size(), 1u);
    write_bytes(folder / "eval/knn/results.json",
                "{\"top1\":15.5,\"votes\":[{\"features\":\"backbone\",\"top1\":15.5},{\"features\":\"projection\","
                "\"top1\":16.0}]}");
    outcome = outcome_of(folder.path());
    EXPECT_EQ(outcome.knn, 15.5);
    EXPECT_EQ(outcome.projection, 16.0);
    write_bytes(folder / "eval/knn/results.json", "oh");
    EXPECT_THAT(message_of([&] { outcome_of(folder.path()); }), HasSubstr("results.json is damaged"));
}

}  // namespace
}  // namespace moco::testing
