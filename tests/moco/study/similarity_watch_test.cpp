// Similarities of a step against products in double.
#include "moco/study/similarity_watch.h"

#include <gtest/gtest.h>

#include "core/autograd.h"
#include "ops/l2_normalize.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class SimilarityWatchTest : public EachBackend {};

double dot(const std::vector<float>& a, size_t i, const std::vector<float>& b, size_t j, size_t C) {
    double sum = 0;
    for (size_t c = 0; c < C; ++c) sum += static_cast<double>(a[i * C + c]) * b[j * C + c];
    return sum;
}

TEST_P(SimilarityWatchTest, AreThoseOfTheFirstQueries) {
    for (const int64_t N : {5, 32, 40}) {
        const int64_t K = 50, C = 16;
        const NoGrad no_gradient;
        const Tensor q = l2_normalize(formula_tensor({N, C}, 1, backend())),
                     k = l2_normalize(formula_tensor({N, C}, 2, backend())),
                     queue = l2_normalize(formula_tensor({K, C}, 3, backend()));
        SimilarityWatch watch;
        EXPECT_FALSE(watch.has_taken());
        watch.take(q, k, queue);
        EXPECT_TRUE(watch.has_taken());
        DiagnosticsReport report;
        watch.report(report);
        EXPECT_FALSE(watch.has_taken());

        const auto n = static_cast<size_t>(std::min<int64_t>(N, 32));
        double positive = 0, negative = 0, alignment = 0;
        std::vector<int64_t> counts(50);
        const std::vector<float> qs = q.to_vector(), ks = k.to_vector(), others = queue.to_vector();
        for (size_t i = 0; i < n; ++i) {
            positive += dot(qs, i, ks, i, C) / static_cast<double>(n);
            for (size_t c = 0; c < C; ++c)
                alignment += std::pow(qs[i * C + c] - ks[i * C + c], 2.0) / static_cast<double>(n);
            for (size_t j = 0; j < K; ++j) {
                const double similarity = dot(qs, i, others, j, C);
                negative += similarity / static_cast<double>(n * K);
                ++counts[static_cast<size_t>((similarity + 1) * 25)];
            }
        }
        ASSERT_EQ(report.values.size(), 3u);
        EXPECT_NEAR(report.values[0].value, positive, 1e-6);
        EXPECT_NEAR(report.values[1].value, negative, 1e-6);
        EXPECT_NEAR(report.values[2].value, alignment, 1e-5);
        ASSERT_EQ(report.histograms.size(), 2u);
        EXPECT_EQ(report.histograms[0].name, "positives");
        int64_t apart = 0, all = 0;
        for (size_t bin = 0; bin < 50; ++bin) {
            apart += std::abs(report.histograms[1].counts[bin] - counts[bin]);
            all += report.histograms[1].counts[bin];
        }
        EXPECT_EQ(all, static_cast<int64_t>(n) * K);
        EXPECT_LE(apart, 2);  // one may lie on the border of two bins
    }
}

TEST(SimilarityHistogram, HoldsItsEnds) {
    const Histogram histogram = similarity_histogram("x", {-1.0001f, -1, 0, 1, 1.0001f, 0.99f}, 4);
    EXPECT_EQ(histogram.counts, (std::vector<int64_t>{2, 0, 1, 3}));
    EXPECT_FLOAT_EQ(static_cast<float>(histogram.least), -1.0001f);
    EXPECT_FLOAT_EQ(static_cast<float>(histogram.most), 1.0001f);
    EXPECT_NEAR(histogram.sum, 0.99, 1e-6);
    EXPECT_NEAR(histogram.sum_of_squares, 1.0001 * 1.0001 * 2 + 2 + 0.99 * 0.99, 1e-5);
}

MOCO_FOR_EACH_BACKEND(SimilarityWatchTest);

}  // namespace
}  // namespace moco::testing
