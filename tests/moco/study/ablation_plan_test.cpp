// What an ablation compares, and when two runs are the same.
#include "moco/study/ablation_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "moco/study/ablation_runs.h"
#include "tests/support/message.h"

namespace moco::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const std::string& sweep) {
    return message_of([&] { parse_sweep(sweep); });
}

SettingSources on_shapes() {
    SettingSources sources;
    sources.flags = {{"preset", "fashion"}, {"data", "shapes:64"}, {"batch-size", "16"}, {"epochs", "20"}};
    return sources;
}

std::string key_with(const GivenFlags& more) {
    SettingSources sources = on_shapes();
    sources.flags.insert(sources.flags.end(), more.begin(), more.end());
    return run_key(resolve_settings<PretrainSettings>(sources));
}

TEST(Sweep, IsASettingAndItsValues) {
    EXPECT_EQ(parse_sweep("moco-k=256,1024").setting, "moco-k");
    EXPECT_THAT(parse_sweep("moco-m=0,0.9,0.999").values, ElementsAre("0", "0.9", "0.999"));
    EXPECT_THAT(parse_sweep("shuffle-bn=true,false").values, ElementsAre("true", "false"));
    EXPECT_THAT(parse_sweep("schedule=12,16;15,18").values, ElementsAre("12,16", "15,18"));
}

TEST(Sweep, WhatItCannotBeIsSaid) {
    EXPECT_EQ(refusal("moko-k=1"), "--sweep moko-k: there is no such setting; did you mean moco-k?");
    EXPECT_THAT(refusal("zzzzzzzz=1"), HasSubstr("`moco pretrain --help` lists them"));
    EXPECT_THAT(refusal("moco-k"), HasSubstr("expected a setting and its values"));
    EXPECT_THAT(refusal("moco-k=1,,2"), HasSubstr("a value is missing"));
    EXPECT_THAT(refusal("moco-m=0.9,0.90"), HasSubstr("0.90 stands there twice"));
    EXPECT_THAT(refusal("moco-k=many"), HasSubstr("--moco-k 'many' cannot be understood"));
    EXPECT_THAT(refusal("seed=1,2"), HasSubstr("--seeds"));
    EXPECT_THAT(refusal("out=a,b"), HasSubstr("folder of its own"));
    EXPECT_THAT(refusal("threads=1,2"), HasSubstr("nothing but the speed"));
    EXPECT_THAT(message_of([] { plan_of({{"moco-k", {"1"}}, {"moco-k", {"2"}}}); }), HasSubstr("swept twice"));
}

TEST(AblationPlanOfSweeps, HasEveryCombination) {
    const AblationPlan plan = plan_of({{"mlp", {"true", "false"}}, {"moco-k", {"16", "32", "64"}}});
    ASSERT_EQ(plan.variants.size(), 6u);
    EXPECT_EQ(plan.name, "mlp-moco-k");
    EXPECT_EQ(plan.axis, "moco-k") << "the sweep of most values";
    EXPECT_EQ(plan.variants[1].label, "mlp=true, moco-k=32");
    EXPECT_EQ(plan.variants[1].at, "32");
    EXPECT_EQ(plan.variants[1].series, "mlp=true");
    EXPECT_EQ(plan.variants[5].settings, (GivenFlags{{"mlp", "false"}, {"moco-k", "64"}}));
}

TEST(ReadyPlan, HasVariantsThatDiffer) {
    PretrainSettings base;
    base.optimizer.epochs = 20;
    for (const std::string& name : ready_plan_names()) {
        const AblationPlan plan = ready_plan(name, base);
        EXPECT_EQ(plan.name, name);
        std::set<GivenFlags> different;
        for (const Variant& variant : plan.variants) different.insert(variant.settings);
        EXPECT_EQ(different.size(), plan.variants.size()) << name;
        EXPECT_GE(plan.variants.size(), 4u) << name;
    }
    EXPECT_EQ(ready_plan("fig3", base).axis, "moco-k");
    EXPECT_EQ(ready_plan("fig3", base).variants[2].series, "mechanism=memory-bank") << "as the published values say";
    EXPECT_THAT(ready_plan("v1-to-v2", base).variants[0].settings,
                ::testing::Contains(std::make_pair(std::string("schedule"), std::string("12,16"))));
    EXPECT_EQ(message_of([&] { ready_plan("momentun", base); }),
              "--plan momentun: there is no such plan; did you mean momentum?");
    EXPECT_THAT(message_of([&] { ready_plan("x", base); }), HasSubstr("expected one of fig3, momentum"));
}

TEST(RunKey, IsThatOfWhatDecidesResults) {
    EXPECT_EQ(key_with({}), key_with({{"threads", "7"}, {"workers", "3"}, {"out", "elsewhere"}, {"log-every", "3"}}));
    EXPECT_EQ(key_with({{"moco-m", "0.9"}}), key_with({{"moco-m", "0.90"}}));
    EXPECT_EQ(key_with({{"moco-m", "0.99"}}), key_with({})) << "the preset's, said again";
    EXPECT_EQ(key_with({{"schedule", "3,4"}}), key_with({})) << "beside a cosine";
    std::set<std::string> keys = {key_with({})};
    const std::vector<GivenFlags> others = {{{"moco-m", "0.9"}},  {{"seed", "1"}},     {{"data", "shapes:65"}},
                                            {{"epochs", "21"}},   {{"cos", "false"}},  {{"max-steps", "5"}},
                                            {{"conv", "direct"}}, {{"knn-every", "1"}}};
    for (const GivenFlags& other : others) {
        EXPECT_TRUE(keys.insert(key_with(other)).second) << other.front().first;
    }
    EXPECT_NE(key_with({{"cos", "false"}, {"schedule", "3,4"}}), key_with({{"cos", "false"}}));
    EXPECT_NE(key_with({{"scale-lr", "true"}}), key_with({{"scale-lr", "true"}, {"preset", "cifar-demo"}}))
        << "the rate follows the preset's batch";
}

TEST(RunsOfAPlan, AreSeedBySeedAndSharedByPlans) {
    const PlannedRuns momentum = runs_of(plan_of({{"moco-m", {"0.9", "0.99"}}}), on_shapes(), {0, 1});
    ASSERT_EQ(momentum.runs.size(), 4u);
    EXPECT_EQ(momentum.runs[1].variant, 1u);
    EXPECT_EQ(momentum.runs[1].settings.method.moco_m, 0.99);
    EXPECT_EQ(momentum.runs[2].settings.run.seed, 1u);
    const PlannedRuns temperature = runs_of(plan_of({{"moco-t", {"0.1", "0.2"}}}), on_shapes(), {0});
    EXPECT_EQ(temperature.runs[0].key, momentum.runs[1].key) << "both are the preset's m and T";
    EXPECT_NE(temperature.runs[1].key, momentum.runs[1].key);
}

TEST(RunsOfAPlan, LeaveOutWhatCannotBe) {
    const PlannedRuns planned = runs_of(plan_of({{"moco-k", {"8", "64"}}}), on_shapes(), {0, 1});
    EXPECT_EQ(planned.runs.size(), 2u);
    ASSERT_EQ(planned.left_out.size(), 1u);
    EXPECT_EQ(planned.left_out[0].label, "moco-k=8");
    EXPECT_THAT(planned.left_out[0].why, HasSubstr("at least one batch"));
    EXPECT_THAT(message_of([] {
                    runs_of(plan_of({{"moco-k", {"8"}}}), on_shapes(), {0});
                }),
                HasSubstr("none of the 1 variants of moco-k can be run; moco-k=8: --moco-k 8 is smaller"));
}

}  // namespace
}  // namespace moco::testing
