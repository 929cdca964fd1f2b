// The kNN monitor's search and vote against a plain version in double.
#include "moco/eval/knn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/l2_normalize.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class KnnTest : public EachBackend {};

struct Naive {
    std::vector<int64_t> neighbours;  // queries x k
    std::vector<double> similarity;
    std::vector<int64_t> predictions;
    double closest_vote = 1;  // the smallest relative lead of a winning class
};

double cosine(const std::vector<float>& a, size_t i, const std::vector<float>& b, size_t j, size_t d) {
    double dot = 0, aa = 0, bb = 0;
    for (size_t c = 0; c < d; ++c) {
        const double x = a[i * d + c], y = b[j * d + c];
        dot += x * y, aa += x * x, bb += y * y;
    }
    return dot / std::sqrt(aa * bb);
}

Naive naive_knn(const std::vector<float>& bank, const std::vector<int64_t>& labels, const std::vector<float>& queries,
                size_t d, size_t k, size_t classes, double temperature) {
    Naive result;
    const size_t B = labels.size(), n = queries.size() / d;
    for (size_t i = 0; i < n; ++i) {
        std::vector<double> similarity(B);
        for (size_t j = 0; j < B; ++j) similarity[j] = cosine(queries, i, bank, j, d);
        std::vector<int64_t> order(B);
        std::iota(order.begin(), order.end(), 0);
        std::ranges::stable_sort(order, std::ranges::greater{},
                                 [&](int64_t j) { return similarity[static_cast<size_t>(j)]; });
        std::vector<double> votes(classes);
        for (size_t j = 0; j < k; ++j) {
            const auto neighbour = static_cast<size_t>(order[j]);
            result.neighbours.push_back(order[j]);
            result.similarity.push_back(similarity[neighbour]);
            votes[static_cast<size_t>(labels[neighbour])] +=
                std::exp((similarity[neighbour] - similarity[static_cast<size_t>(order[0])]) / temperature);
        }
        result.predictions.push_back(std::ranges::max_element(votes) - votes.begin());
        std::ranges::sort(votes, std::ranges::greater{});
        result.closest_vote = std::min(result.closest_vote, 1 - votes[1] / votes[0]);
    }
    return result;
}

std::vector<int64_t> labels_by_formula(int64_t count, int64_t classes, uint32_t salt) {
    std::vector<int64_t> labels;
    for (const float value : formula_values(count, salt)) {
        labels.push_back(static_cast<int64_t>((value + 1) * 0.5f * static_cast<float>(classes)));
    }
    return labels;
}

TEST_P(KnnTest, AgreesWithThePlainVersion) {
    for (const auto& [B, n, d, k, classes] :
         {std::array<int64_t, 5>{500, 70, 16, 20, 5}, {500, 1, 16, 200, 10}, {37, 70, 3, 1, 2}, {40, 9, 128, 40, 10}}) {
        SCOPED_TRACE(fmt::format("bank {} queries {} d {} k {}", B, n, d, k));
        const Tensor bank = formula_tensor({B, d}, 1, backend()), queries = formula_tensor({n, d}, 2, backend(), 3.0f);
        const std::vector<int64_t> bank_labels = labels_by_formula(B, classes, 3);
        const std::vector<int64_t> query_labels = labels_by_formula(n, classes, 4);
        const Naive expected = naive_knn(bank.to_vector(), bank_labels, queries.to_vector(), static_cast<size_t>(d),
                                         static_cast<size_t>(k), static_cast<size_t>(classes), 0.1);
        ASSERT_GT(expected.closest_vote, 1e-4) << "the case is too close to call";
        int64_t right = 0;
        for (size_t i = 0; i < query_labels.size(); ++i) right += expected.predictions[i] == query_labels[i];
        EXPECT_DOUBLE_EQ(
            knn_accuracy(l2_normalize(bank), bank_labels, l2_normalize(queries), query_labels, classes, {k, 0.1f}),
            100.0 * static_cast<double>(right) / static_cast<double>(n));
    }
}

// exp(similarity / 0.01) is beyond f32 and exp(similarity / 0.001) beyond f64: all votes were infinite, class 0 won.
TEST_P(KnnTest, SmallTemperaturesAgreeWithThePlainVersion) {
    const int64_t B = 500, n = 70, d = 16, k = 20, classes = 5;
    const Tensor bank = formula_tensor({B, d}, 1, backend()), queries = formula_tensor({n, d}, 2, backend(), 3.0f);
    const std::vector<int64_t> labels = labels_by_formula(B, classes, 3);
    const Neighbours found = nearest_neighbours(l2_normalize(bank), l2_normalize(queries), k);
    for (const double T : {0.07, 0.01, 0.001, 1e-6}) {
        SCOPED_TRACE(T);
        const Naive expected = naive_knn(bank.to_vector(), labels, queries.to_vector(), d, k, classes, T);
        ASSERT_GT(expected.closest_vote, 1e-3) << "the case is too close to call";
        EXPECT_EQ(knn_predict(found, labels, classes, {k, static_cast<float>(T)}), expected.predictions);
    }
}

TEST_P(KnnTest, FindsNeighboursInDescendingOrder) {
    const int64_t B = 300, n = 130, d = 8, k = 7;
    std::vector<float> rows = formula_values(B * d, 1);
    for (int64_t j = 0; j < B; ++j) {
        double squares = 0;
        for (int64_t c = 0; c < d; ++c)
            squares += rows[static_cast<size_t>(j * d + c)] * rows[static_cast<size_t>(j * d + c)];
        for (int64_t c = 0; c < d; ++c) rows[static_cast<size_t>(j * d + c)] /= static_cast<float>(std::sqrt(squares));
    }
    const Tensor bank = Tensor::from_host(rows, {B, d}, backend());
    const Tensor queries = bank.rows(0, n);
    const Naive expected = naive_knn(rows, std::vector<int64_t>(B, 0), queries.to_vector(), d, k, 2, 0.1);
    const Neighbours found = nearest_neighbours(bank, queries, k);
    EXPECT_EQ(found.k, k);
    EXPECT_EQ(found.index, expected.neighbours);
    EXPECT_LE(error_over_rms(found.similarity, expected.similarity), 1e-5);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) EXPECT_EQ(found.index[i * k], static_cast<int64_t>(i));
    EXPECT_EQ(nearest_neighbours(bank, queries, B + 1).k, B);
}

TEST_P(KnnTest, LeavesOutRowsWithoutLabels) {
    // The unlabelled row is the nearest of all and must not vote; the unlabelled query must not count.
    const Tensor bank = Tensor::from_host(std::vector<float>{1, 0, 0.9f, 0.1f, 0, 1}, {3, 2}, backend());
    const Tensor queries = Tensor::from_host(std::vector<float>{1, 0, 0, 1, 0, 1}, {3, 2}, backend());
    EXPECT_EQ(knn_accuracy(bank, {-1, 1, 0}, queries, {1, 0, -1}, 2, {1, 0.1f}), 100.0);
    EXPECT_EQ(knn_accuracy(bank, {-1, 1, 0}, queries, {1, 1, -1}, 2, {1, 0.1f}), 50.0);
}

TEST_P(KnnTest, BlocksOfABankGiveTheNeighboursOfTheWhole) {
    const int64_t B = 100, n = 30, d = 8, k = 12;
    std::vector<float> rows = formula_values(B * d, 1);
    std::copy(rows.begin(), rows.begin() + 20 * d, rows.begin() + 60 * d);  // equals: the first of them comes first
    const Tensor bank = l2_normalize(Tensor::from_host(rows, {B, d}, backend())), queries = bank.rows(0, n);
    const Neighbours whole = nearest_neighbours(bank, queries, k);
    for (const int64_t cut : {1, 7, 50, 95}) {
        Neighbours second = nearest_neighbours(bank.rows(cut, B), queries, k);
        for (int64_t& index : second.index) index += cut;
        const Neighbours both = merged(nearest_neighbours(bank.rows(0, cut), queries, k), second, k);
        EXPECT_EQ(both.k, k);
        EXPECT_EQ(both.index, whole.index) << cut;
    }
    EXPECT_EQ(
        merged(nearest_neighbours(bank.rows(0, 2), queries, k), nearest_neighbours(bank.rows(2, 5), queries, k), k).k,
        5);
}

TEST_P(KnnTest, RefusesWhatCannotBeSearched) {
    const Tensor bank = Tensor::zeros({3, 2}, DType::f32, backend());
    const Tensor other = Tensor::zeros({3, 4}, DType::f32, backend());
    EXPECT_THAT(message_of([&] { nearest_neighbours(bank, other, 1); }),
                ::testing::HasSubstr("bank 3x2 and queries 3x4"));
    EXPECT_THAT(message_of([&] { nearest_neighbours(bank, bank, 0); }), ::testing::HasSubstr("k is 0"));
    EXPECT_THAT(message_of([&] {
                    knn_accuracy(bank, {0, 1}, bank, {0, 1, 0}, 2);
                }),
                ::testing::HasSubstr("2 labels for 3 rows"));
    EXPECT_THAT(message_of([&] {
                    knn_accuracy(bank, {-1, -1, -1}, bank, {0, 1, 0}, 2);
                }),
                ::testing::HasSubstr("none of the 3 rows has a label"));
}

MOCO_FOR_EACH_BACKEND(KnnTest);

}  // namespace
}  // namespace moco::testing
