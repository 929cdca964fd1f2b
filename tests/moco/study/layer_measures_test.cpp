// What is measured of one layer, and of two classifiers: spectra, probes, neighbours in common, agreement of errors.
#include <gtest/gtest.h>

#include <cmath>

#include "moco/study/error_agreement.h"
#include "moco/study/neighbour_overlap.h"
#include "moco/study/separability.h"
#include "moco/study/spectrum.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class LayerMeasures : public EachBackend {
  protected:
    Tensor rows(const std::vector<float>& values, int64_t d) {
        return Tensor::from_host(values, {static_cast<int64_t>(values.size()) / d, d}, backend());
    }
};
MOCO_FOR_EACH_BACKEND(LayerMeasures);

TEST_P(LayerMeasures, TheSpectrumIsThatOfTheCovariance) {
    // Two directions of variance 9 and 1, turned by (0.6, 0.8), far from the origin, and one that never varies.
    std::vector<float> values;
    for (const auto& [u, v] : std::vector<std::pair<float, float>>{{3, 1}, {3, -1}, {-3, 1}, {-3, -1}}) {
        values.insert(values.end(), {0.6f * u - 0.8f * v + 5, 0.8f * u + 0.6f * v - 7, 2});
    }
    const Spectrum s = spectrum_of(rows(values, 3));
    ASSERT_EQ(s.shares.size(), 3u);
    EXPECT_NEAR(s.shares[0], 0.9, 1e-6);
    EXPECT_NEAR(s.shares[1], 0.1, 1e-6);
    EXPECT_NEAR(s.shares[2], 0, 1e-6);
    EXPECT_NEAR(s.effective_rank, std::exp(-0.9 * std::log(0.9) - 0.1 * std::log(0.1)), 1e-4);
    EXPECT_LE(s.for_90_percent, 2);
}

TEST_P(LayerMeasures, EqualDirectionsHaveFullRankAndNoneHasNone) {
    std::vector<float> values;
    for (int i = 0; i < 4; ++i) {
        for (const float sign : {-1.0f, 1.0f}) {
            for (int d = 0; d < 4; ++d) values.push_back(d == i ? sign : 0);
        }
    }
    const Spectrum s = spectrum_of(rows(values, 4));
    EXPECT_NEAR(s.effective_rank, 4, 1e-6);
    EXPECT_EQ(s.for_90_percent, 4);
    const Spectrum none = spectrum_of(rows(std::vector<float>(8, 1.0f), 4));
    EXPECT_EQ(none.effective_rank, 0);
    EXPECT_TRUE(none.shares.empty());
    EXPECT_NE(message_of([&] { spectrum_of(rows({1, 2}, 2)); }).find("at least 2"), std::string::npos);
}

TEST_P(LayerMeasures, ClassesAreAsSeparableAsALineMakesThem) {
    std::vector<float> values = formula_values(600, 3), other = formula_values(600, 4);
    std::vector<int64_t> labels, other_labels;
    for (size_t i = 0; i < 600; i += 2) {
        labels.push_back(values[i] > 0.2f ? 1 : 0);
        other_labels.push_back(other[i] > 0.2f ? 1 : 0);
    }
    labels[7] = other_labels[9] = -1;
    EXPECT_GE(separability({rows(values, 2), labels}, {rows(other, 2), other_labels}, 2), 97);
    std::vector<float> only_noise, other_noise;
    for (size_t i = 1; i < 600; i += 2) only_noise.push_back(values[i]), other_noise.push_back(other[i]);
    EXPECT_LT(separability({rows(only_noise, 1), labels}, {rows(other_noise, 1), other_labels}, 2), 75);
    const std::vector<int64_t> none(300, -1);
    EXPECT_NE(message_of([&] {
                  separability({rows(values, 2), none}, {rows(other, 2), other_labels}, 2);
              }).find("none of the 300 training rows"),
              std::string::npos);
}

TEST(NeighbourOverlap, CountsWhatBothHaveWhateverTheOrder) {
    Neighbours a, b;
    a.k = 4, b.k = 3;
    a.index = {1, 2, 3, 4, /**/ 5, 6, 7, 8};
    b.index = {2, 1, 9, /**/ 8, 7, 6};
    EXPECT_EQ(neighbour_overlap(a, b, 1), 0);
    EXPECT_EQ(neighbour_overlap(a, b, 2), 0.5);        // 2 of 2, 0 of 2
    EXPECT_EQ(neighbour_overlap(a, b, 3), 4.0 / 6.0);  // 2 of 3, 2 of 3
    EXPECT_NE(message_of([&] { neighbour_overlap(a, b, 4); }).find("expected 1 to 3"), std::string::npos);
}

TEST(ErrorAgreement, CountsAndCorrectsForChance) {
    //                                     both right    only a  only b   both wrong: same, not  unlabelled
    const std::vector<int64_t> labels = {0, 0, 0, 1, 1, 1, /**/ 0, /**/ 1, /**/ 0, 1, /**/ -1};
    const std::vector<int64_t> a = {0, 0, 0, 1, 1, 1, /**/ 0, /**/ 0, /**/ 2, 2, /**/ 0};
    const std::vector<int64_t> b = {0, 0, 0, 1, 1, 1, /**/ 1, /**/ 1, /**/ 2, 0, /**/ 1};
    const ErrorAgreement found = error_agreement(labels, a, b, 3);
    EXPECT_EQ(found.all.both_right, 6);
    EXPECT_EQ(found.all.only_a, 1);
    EXPECT_EQ(found.all.only_b, 1);
    EXPECT_EQ(found.all.both_wrong, 2);
    EXPECT_EQ(found.all.same_mistake, 1);
    // Both are right on 7 of 10: chance 0.49 + 0.09, observed 0.8.
    EXPECT_NEAR(found.all.kappa(), (0.8 - 0.58) / 0.42, 1e-12);
    EXPECT_EQ(found.of_class[0].images(), 5);
    EXPECT_EQ(found.of_class[0].only_a, 1);
    EXPECT_EQ(found.of_class[1].only_b, 1);
    EXPECT_TRUE(std::isnan(found.of_class[2].kappa()));
    EXPECT_NE(message_of([&] { error_agreement(labels, {}, b, 3); }).find("as many of each"), std::string::npos);
}

}  // namespace
}  // namespace moco::testing
