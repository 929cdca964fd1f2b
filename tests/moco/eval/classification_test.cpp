// Scores of a classifier: what counts as right, what is left out, what the files hold.
#include "moco/eval/classification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/message.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

Tensor scores_of(const std::vector<float>& values, int64_t classes) {
    return Tensor::from_host(values, {static_cast<int64_t>(values.size()) / classes, classes}, cpu());
}

TEST(Classification, CountsRightsPerClassAndMistakes) {
    const Tensor scores = scores_of({3, 2, 1,   // 0: right
                                     1, 2, 0,   // 0: taken for 1
                                     0, 5, 1,   // 1: right
                                     0, 1, 2,   // unlabelled
                                     4, 4, 1},  // 0: a tie is wrong
                                    3);
    const ClassificationScores s = score_classification(scores, {0, 0, 1, -1, 0});
    EXPECT_EQ(s.images, 4);
    EXPECT_DOUBLE_EQ(s.top1, 50);
    EXPECT_DOUBLE_EQ(s.top5, 100);
    EXPECT_DOUBLE_EQ(s.mean_per_class, (100.0 / 3 + 100) / 2) << "class 2 has no image";
    EXPECT_THAT(s.confusion, ::testing::ElementsAre(2, 1, 0, 0, 1, 0, 0, 0, 0));
}

TEST(Classification, TopFiveLooksAtFive) {
    const Tensor scores = scores_of({7, 6, 5, 4, 3, 2, 1}, 7);
    EXPECT_EQ(score_classification(scores, {4}).top5, 100);
    EXPECT_EQ(score_classification(scores, {5}).top5, 0);
    EXPECT_EQ(score_classification(scores_of({NAN, NAN}, 2), {0}).top1, 0) << "what is no number is not right";
}

TEST(Classification, RefusesWhatCannotBeScored) {
    const Tensor scores = scores_of({1, 2}, 2);
    EXPECT_THAT(message_of([&] { score_classification(scores, {-1}); }), ::testing::HasSubstr("none of the 1 images"));
    EXPECT_THAT(message_of([&] { score_classification(scores, {0, 1}); }), ::testing::HasSubstr("2 labels for 1 rows"));
    EXPECT_THAT(message_of([&] { score_classification(scores, {2}); }), ::testing::HasSubstr("label is 2"));
}

TEST(Classification, TheConfusionMatrixIsACsv) {
    const TempFolder folder;
    const ClassificationScores s = score_classification(scores_of({1, 0, 1, 0}, 2), {0, 1});
    write_confusion(folder / "named.csv", s, {"cat", "a \"dog\", small"});
    EXPECT_EQ(read_bytes(folder / "named.csv"),
              "class,cat,\"a \"\"dog\"\", small\"\ncat,1,0\n\"a \"\"dog\"\", small\",1,0\n");
    write_confusion(folder / "numbers.csv", s, {});
    EXPECT_EQ(read_bytes(folder / "numbers.csv"), "class,0,1\n0,1,0\n1,1,0\n");
}

}  // namespace
}  // namespace moco::testing
