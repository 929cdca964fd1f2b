// Logistic regression against scikit-learn's (tests/golden/logistic.py).
#include "moco/eval/logistic_regression.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/parallel.h"
#include "ops/linear.h"
#include "tests/support/message.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

constexpr int64_t kN = 300, kD = 7, kClasses = 3;

std::vector<float> feature_values() {
    return formula_values(kN * kD, 700);
}

/// As in the script: the largest of the first three, every seventh moved on by one.
std::vector<int64_t> labels() {
    const std::vector<float> x = feature_values();
    std::vector<int64_t> result;
    for (int64_t n = 0; n < kN; ++n) {
        const auto row = x.begin() + n * kD;
        const int64_t best = std::max_element(row, row + kClasses) - row;
        result.push_back(n % 7 == 0 ? (best + 1) % kClasses : best);
    }
    return result;
}

Tensor features(Backend& backend) {
    return Tensor::from_host(feature_values(), {kN, kD}, backend);
}

class LogisticRegressionTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(LogisticRegressionTest);

TEST_P(LogisticRegressionTest, FindsWhatScikitLearnFinds) {
    const GoldenPack golden("logistic");
    for (const auto& [name, l2] : std::vector<std::pair<std::string, double>>{{"strong", 1e-1}, {"weak", 1e-3}}) {
        const LogisticModel model = fit_logistic_regression(features(backend()), labels(), kClasses, {.l2 = l2});
        std::vector<float> bias = model.bias.to_vector();
        const float mean = std::accumulate(bias.begin(), bias.end(), 0.0f) / static_cast<float>(kClasses);
        for (float& value : bias) value -= mean;
        // The end of a descent: where the gradient is 1e-5 of the parameters, they are some 1e-3 from the minimum.
        EXPECT_LE(error_over_rms(model.weight.to_vector(), golden[name + ".weight"].values), 2e-3) << name;
        EXPECT_NEAR(model.loss, static_cast<double>(golden[name + ".loss"].values[0]), 1e-6) << name;
        for (size_t c = 0; c < bias.size(); ++c) {
            EXPECT_NEAR(bias[c], golden[name + ".bias"].values[c], 1e-3) << name;
        }
        EXPECT_GT(model.iterations, 3) << name;
    }
}

TEST(LogisticRegression, ASolutionIsWhereTheNextSearchEnds) {
    const Tensor x = features(cpu());
    const LogisticModel model = fit_logistic_regression(x, labels(), kClasses, {.l2 = 1e-2});
    const LogisticModel again = fit_logistic_regression(x, labels(), kClasses, {.l2 = 1e-2}, model);
    EXPECT_LE(again.iterations, 1);
    EXPECT_NEAR(again.loss, model.loss, 1e-7);
}

TEST(LogisticRegression, HasTheSameBitsOnAnyThreads) {
    const auto fitted = [](int count) {
        set_threads(count);
        const LogisticModel model = fit_logistic_regression(features(cpu()), labels(), kClasses, {.l2 = 1e-3});
        set_threads(0);
        return model.weight.to_vector();
    };
    EXPECT_EQ(fitted(1), fitted(3));
}

TEST(LogisticRegression, AModelOfStandardisedFeaturesMovesToRawOnes) {
    std::vector<float> values = feature_values();
    for (int64_t n = 0; n < kN; ++n) {
        values[static_cast<size_t>(n * kD + 1)] = values[static_cast<size_t>(n * kD + 1)] * 100 + 5000;
        values[static_cast<size_t>(n * kD + 6)] = 3;  // does not vary
    }
    const Tensor raw = Tensor::from_host(values, {kN, kD}, cpu());
    const Standardisation s = standardisation_of(raw);
    const Tensor standard = standardised(raw, s);
    const std::vector<float> x = standard.to_vector();
    for (size_t c = 0; c < 6; ++c) {
        double sum = 0, square = 0;
        for (size_t n = 0; n < kN; ++n) sum += x[n * kD + c], square += x[n * kD + c] * x[n * kD + c];
        EXPECT_NEAR(sum / kN, 0, 1e-4) << c;
        EXPECT_NEAR(square / kN, 1, 1e-3) << c;
    }
    const LogisticModel model = fit_logistic_regression(standard, labels(), kClasses, {.l2 = 1e-2});
    const LogisticModel moved = for_raw_features(model, s);
    EXPECT_LE(error_over_rms(linear(raw, moved.weight, moved.bias).to_vector(),
                             linear(standard, model.weight, model.bias).to_vector()),
              1e-3);
}

TEST(LogisticRegression, FeaturesThatAreNotFiniteAreRefused) {
    std::vector<float> values = feature_values();
    values[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(message_of([&] {
                  fit_logistic_regression(Tensor::from_host(values, {kN, kD}, cpu()), labels(), kClasses, {});
              }),
              "the features are not finite: no classifier can be fitted to them");
}

}  // namespace
}  // namespace moco::testing
