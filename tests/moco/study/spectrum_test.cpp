// Spectrum, effective rank and uniformity against plain versions in double.
#include "moco/study/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/autograd.h"
#include "ops/l2_normalize.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class SpectrumTest : public EachBackend {};

TEST_P(SpectrumTest, SharesAreTheVariancesAlongTheAxes) {
    // Column c of row i is s[c] where bit c of i is set, else -s[c], plus an offset: columns do not correlate.
    const std::vector<double> s = {1, 3, 2};
    std::vector<float> rows;
    for (int i = 0; i < 8; ++i) {
        for (int c = 0; c < 3; ++c)
            rows.push_back(static_cast<float>(5 + ((i >> c & 1) != 0 ? 1 : -1) * s[static_cast<size_t>(c)]));
    }
    const auto [shares, rank, for_90_percent] = spectrum_of(Tensor::from_host(rows, {8, 3}, backend()));
    ASSERT_EQ(shares.size(), 3u);
    EXPECT_NEAR(shares[0], 9.0 / 14, 1e-6);
    EXPECT_NEAR(shares[1], 4.0 / 14, 1e-6);
    EXPECT_NEAR(shares[2], 1.0 / 14, 1e-6);
    const double entropy =
        -(9.0 / 14 * std::log(9.0 / 14) + 4.0 / 14 * std::log(4.0 / 14) + 1.0 / 14 * std::log(1.0 / 14));
    EXPECT_NEAR(rank, std::exp(entropy), 1e-5);
    EXPECT_EQ(for_90_percent, 2);
}

/// The sum of the squares of a matrix' eigenvalues is that of its elements.
TEST_P(SpectrumTest, HasTheFrobeniusNormOfTheCovariance) {
    const int64_t n = 37, C = 12;
    const std::vector<float> rows = formula_values(n * C, 3);
    std::vector<double> mean(C), covariance(C * C);
    for (size_t i = 0; i < n; ++i) {
        for (size_t c = 0; c < C; ++c) mean[c] += rows[i * C + c] / static_cast<double>(n);
    }
    double trace = 0, squares = 0;
    for (size_t a = 0; a < C; ++a) {
        for (size_t b = 0; b < C; ++b) {
            double sum = 0;
            for (size_t i = 0; i < n; ++i) sum += (rows[i * C + a] - mean[a]) * (rows[i * C + b] - mean[b]);
            squares += sum * sum;
            if (a == b) trace += sum;
        }
    }
    double got = 0;
    for (const double share : spectrum_of(Tensor::from_host(rows, {n, C}, backend())).shares) got += share * share;
    EXPECT_NEAR(got, squares / (trace * trace), 1e-6);
}

TEST_P(SpectrumTest, EqualRowsHaveNoDirections) {
    const Spectrum spectrum = spectrum_of(Tensor::full({20, 4}, 0.37f, backend()));
    EXPECT_TRUE(spectrum.shares.empty());
    EXPECT_EQ(spectrum.effective_rank, 0);
}

TEST_P(SpectrumTest, UniformityIsThatOfAllPairs) {
    const int64_t n = 21, C = 9;
    const NoGrad no_gradient;
    const Tensor rows = l2_normalize(formula_tensor({n, C}, 4, backend()));
    const std::vector<float> values = rows.to_vector();
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < i; ++j) {
            double distance = 0;
            for (size_t c = 0; c < C; ++c) distance += std::pow(values[i * C + c] - values[j * C + c], 2.0);
            sum += std::exp(-2 * distance);
        }
    }
    EXPECT_NEAR(uniformity(rows), std::log(sum / (n * (n - 1) / 2)), 1e-5);
    EXPECT_NEAR(uniformity(l2_normalize(Tensor::full({5, 3}, 1, backend()))), 0, 1e-5);
}

TEST_P(SpectrumTest, RowsAreSpacedEvenly) {
    std::vector<float> numbers(10);
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    const Tensor rows = Tensor::from_host(numbers, {10, 1}, backend());
    EXPECT_EQ(evenly_spaced_rows(rows, 4).to_vector(), (std::vector<float>{0, 2, 5, 7}));
    EXPECT_EQ(evenly_spaced_rows(rows, 10).to_vector(), numbers);
}

MOCO_FOR_EACH_BACKEND(SpectrumTest);

}  // namespace
}  // namespace moco::testing
