// predictions.csv: five classes by probability, fields that CSV readers read back.
#include "moco/eval/predictions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

/// Three images of a data set with names; of files, or of one file.
class NamedDataset : public Dataset {
  public:
    enum class Of { files, one_file };
    NamedDataset(Of of, std::vector<std::string> class_names) : of_(of) {
        info_.name = "named";
        info_.count = 3;
        info_.classes = 2;
        info_.class_names = std::move(class_names);
    }
    const DatasetInfo& info() const override { return info_; }
    Image load(int64_t) const override { return Image(1, 1, 3); }
    int64_t label(int64_t i) const override { return i % 2; }
    std::string path(int64_t i) const override { return of_ == Of::files ? fmt::format("a, \"{}\".png", i) : "f#0"; }
    std::string names_digest() const override { return of_ == Of::files ? "digest" : ""; }

  private:
    Of of_;
    DatasetInfo info_;
};

Tensor scores_of(const std::vector<float>& values, int64_t classes) {
    return Tensor::from_host(values, {static_cast<int64_t>(values.size()) / classes, classes}, cpu());
}

TEST(Predictions, AreTheSoftmaxOfTheScores) {
    const std::vector<float> scores = {1, 5, 3, 5, -2, 0, 4, 1000, 0, 0, 0, 0, 0, 0};
    const std::vector<Prediction> two = predictions_of(scores_of(scores, 7), {3, -1}, {8, 2});
    ASSERT_EQ(two.size(), 2u);
    EXPECT_EQ(two[0].index, 8);
    EXPECT_EQ(two[0].label, 3);
    double sum = 0;
    for (int c = 0; c < 7; ++c) sum += std::exp(double{scores[static_cast<size_t>(c)]});
    const int64_t order[] = {1, 3, 6, 2, 0};  // of equals the smaller class
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(two[0].best[i].label, order[i]);
        EXPECT_NEAR(two[0].best[i].probability, std::exp(double{scores[static_cast<size_t>(order[i])]}) / sum, 1e-12);
    }
    EXPECT_EQ(two[1].best[0].probability, 1) << "large scores do not overflow";
    EXPECT_EQ(two[1].best[1].label, -1) << "exp(-1000) is 0: no class";
    expect_error([&] { predictions_of(scores_of(scores, 7), {0}, {1, 2}); }, {"1 labels and 2 indices for 2 rows"});
}

TEST(Predictions, OfScoresThatAreNoNumbersThereAreNone) {
    for (const float bad : {NAN, INFINITY}) {
        const Prediction one = predictions_of(scores_of({1, bad, 2}, 3), {0}, {0})[0];
        for (const RankedClass& ranked : one.best) EXPECT_EQ(ranked.label, -1);
    }
}

TEST(Predictions, BestClassesAgreeWithAStableSort) {
    std::vector<double> p;
    for (int i = 0; i < 40; ++i) p.push_back((i * 7 + 3) % 11);  // many equals
    for (int64_t classes = 1; classes <= 40; ++classes) {
        std::vector<int64_t> order;
        for (int64_t c = 0; c < classes; ++c) {
            if (p[static_cast<size_t>(c)] > 0) order.push_back(c);
        }
        std::stable_sort(order.begin(), order.end(),
                         [&](int64_t a, int64_t b) { return p[static_cast<size_t>(a)] > p[static_cast<size_t>(b)]; });
        const auto best = best_classes(p.data(), classes);
        for (size_t i = 0; i < 5; ++i) EXPECT_EQ(best[i].label, i < order.size() ? order[i] : -1) << classes;
    }
}

TEST(Predictions, ThePathsOfFilesAreQuotedAsCsvNeeds) {
    const TempFolder folder;
    const NamedDataset data(NamedDataset::Of::files, {"cat", "a \"dog\", small"});
    const Tensor scores = scores_of({0, std::log(3.0f), 0, 0, 100, 0}, 2);
    write_predictions(folder / "p.csv", predictions_of(scores, {1, -1, 0}, {0, 1, 2}), data);
    EXPECT_EQ(read_bytes(folder / "p.csv"),
              "path,label,class1,p1,class2,p2,class3,p3,class4,p4,class5,p5\n"
              "\"a, \"\"0\"\".png\",\"a \"\"dog\"\", small\",\"a \"\"dog\"\", small\",0.75,cat,0.25,,,,,,\n"
              "\"a, \"\"1\"\".png\",,cat,0.5,\"a \"\"dog\"\", small\",0.5,,,,,,\n"
              "\"a, \"\"2\"\".png\",cat,cat,1,\"a \"\"dog\"\", small\",3.72008e-44,,,,,,\n");
}

TEST(Predictions, ImagesWithoutFilesHaveTheirIndexAndClassesWithoutNamesTheirNumber) {
    const TempFolder folder;
    const NamedDataset data(NamedDataset::Of::one_file, {});
    write_predictions(folder / "p.csv", predictions_of(scores_of({0, 1000}, 2), {0}, {2}), data);
    EXPECT_THAT(read_bytes(folder / "p.csv"), ::testing::EndsWith("p5\n2,0,1,1,,,,,,,,\n"));
}

}  // namespace
}  // namespace moco::testing
