// What a classifier's parts learn at.
#include "moco/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

NetworkConfig tiny() {
    NetworkConfig config;
    config.arch = "resnet18";
    config.stem = Stem::cifar;
    config.width = 4;
    config.dim = 10;
    return config;
}

/// "first+count x factor" of each group.
std::vector<std::string> text_of(const std::vector<ParameterGroup>& groups) {
    std::vector<std::string> texts;
    for (const ParameterGroup& group : groups) {
        EXPECT_EQ(group.options.momentum, 0.9f);
        EXPECT_EQ(group.options.weight_decay, 1e-4f);
        texts.push_back(fmt::format("{}+{} x{}", group.first, group.count, group.lr_factor));
    }
    return texts;
}

// ResNet-18 has 3 + 12 + 15 + 15 + 15 parameters in its stages, and 2 in the head.
TEST(GroupsByDepth, HaveTheFactorsOfTheirStages) {
    struct Case {
        DepthRates rates;
        std::vector<std::string> groups;
    };
    const Network f(tiny(), 1, cpu());
    using Groups = std::vector<std::string>;
    for (const auto& [rates, expected] :
         {Case{{1, 1, 0}, Groups{"0+62 x1"}}, Case{{10, 1, 0}, Groups{"0+60 x1", "60+2 x10"}},
          Case{{10, 0.5f, 0},
               Groups{"0+3 x0.0625", "3+12 x0.125", "15+15 x0.25", "30+15 x0.5", "45+15 x1", "60+2 x10"}},
          Case{{1, 0.5f, 2}, Groups{"15+15 x0.25", "30+15 x0.5", "45+17 x1"}}, Case{{1, 1, 3}, Groups{"30+32 x1"}},
          Case{{10, 0.5f, 5}, Groups{"60+2 x10"}}, Case{{0, 1, 0}, Groups{"0+60 x1", "60+2 x0"}}}) {
        EXPECT_EQ(text_of(groups_by_depth(f, rates, {0.9f, 1e-4f})), expected)
            << "head " << rates.head << ", decay " << rates.decay << ", frozen " << rates.frozen_stages;
    }
}

TEST(GroupsByDepth, WithoutAHeadThereIsNoGroupForIt) {
    NetworkConfig config = tiny();
    config.head = Head::none;
    const Network f(config, 1, cpu());
    EXPECT_EQ(text_of(groups_by_depth(f, {10, 1, 1}, {0.9f, 1e-4f})), std::vector<std::string>{"3+57 x1"});
}

TEST(ClassifierTest, StagesThatItHasNotAreRefused) {
    for (const int64_t count : {-1, 6}) {
        EXPECT_EQ(message_of([&] {
                      Classifier(tiny(), {}, 1, cpu(), {1, 1, count});
                  }),
                  fmt::format("resnet18: {} frozen stages, there are 5 (the stem is the first)", count));
    }
}

TEST(LabelledBatchTest, ImagesWithoutLabelsAreRefused) {
    const Tensor x = formula_tensor({4, 8, 8, 3}, 1, cpu());
    EXPECT_EQ(message_of([&] { LabelledBatch(x, {1, 0, -1, 2}, 2); }), "an image of the batch has no label (number 2)");
    EXPECT_EQ(message_of([&] { LabelledBatch(x, {1, 0, 3, 2}, 2); }), "no Error");
}

}  // namespace
}  // namespace moco::testing
