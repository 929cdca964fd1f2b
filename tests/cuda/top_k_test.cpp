// The k largest of each row on the device against a stable sort.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/cuda/support.h"

namespace moco::cuda::testing {
namespace {

class CudaTopK : public OnDevice {};

/// The definition: a stable sort by descending score, a NaN behind everything.
std::vector<int64_t> sorted_indices(const std::vector<float>& row) {
    std::vector<int64_t> order(row.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        const float first = row[static_cast<size_t>(a)], second = row[static_cast<size_t>(b)];
        return std::isnan(second) ? !std::isnan(first) : first > second;
    });
    return order;
}

void expect_top_k(const std::vector<float>& scores, int64_t rows, int64_t k) {
    const int64_t columns = static_cast<int64_t>(scores.size()) / rows;
    SCOPED_TRACE(fmt::format("{} of {} x {}", k, rows, columns));
    const DeviceArray<float> on_device(scores);
    DeviceArray<float> values(rows * k);
    DeviceArray<int64_t> indices(rows * k);
    device().top_k(on_device.data(), values.data(), indices.data(), rows, columns, k);
    const std::vector<float> got_values = values.host();
    const std::vector<int64_t> got = indices.host();
    for (int64_t r = 0; r < rows; ++r) {
        const std::vector<float> row(scores.begin() + r * columns, scores.begin() + (r + 1) * columns);
        const std::vector<int64_t> expected = sorted_indices(row);
        for (int64_t i = 0; i < k; ++i) {
            const size_t at = static_cast<size_t>(r * k + i);
            ASSERT_EQ(got[at], expected[static_cast<size_t>(i)]) << "row " << r << ", place " << i;
            const float score = row[static_cast<size_t>(got[at])];
            EXPECT_TRUE(got_values[at] == score || (std::isnan(got_values[at]) && std::isnan(score)));
        }
    }
}

// Around the warp, what a block of 256 loads at once, and the change to 1024 threads.
TEST_F(CudaTopK, AgreesWithAStableSort) {
    for (const int64_t columns : {1, 2, 31, 32, 33, 255, 256, 257, 1024, 1025, 4096, 4097}) {
        const std::vector<float> scores = formula_values(columns, 1);
        for (const int64_t k : {int64_t{1}, std::min<int64_t>(columns, 7), std::min<int64_t>(columns, 200)})
            expect_top_k(scores, 1, k);
    }
}

TEST_F(CudaTopK, AllAndAllButOne) {
    for (const int64_t columns : {1, 33, 300}) {
        expect_top_k(formula_values(columns, 2), 1, columns);
        if (columns > 1) expect_top_k(formula_values(columns, 2), 1, columns - 1);
    }
}

TEST_F(CudaTopK, MoreThanABlockHasThreads) {
    expect_top_k(formula_values(700, 3), 1, 257);
    expect_top_k(formula_values(2000, 3), 1, 600);
}

TEST_F(CudaTopK, TiesGoToTheSmallerIndex) {
    std::vector<float> few_values = formula_values(1500, 1);
    for (float& v : few_values) v = std::round(v * 3);  // seven values, -0 and 0 among them
    for (const int64_t k : {1, 100, 300}) expect_top_k(few_values, 1, k);
    expect_top_k(std::vector<float>(1000, 0.25f), 1, 300);  // the digits of the index decide
    expect_top_k(std::vector<float>(100, -INFINITY), 1, 30);
}

TEST_F(CudaTopK, RisingAndFallingScores) {
    std::vector<float> rising(2000), falling(2000);
    std::iota(rising.begin(), rising.end(), -1000.0f);
    std::reverse_copy(rising.begin(), rising.end(), falling.begin());
    expect_top_k(rising, 1, 100);
    expect_top_k(falling, 1, 100);
}

TEST_F(CudaTopK, ScoresOfEverySize) {
    std::vector<float> scores = formula_values(600, 1);
    for (size_t i = 0; i < scores.size(); ++i) scores[i] = std::ldexp(scores[i], static_cast<int>(i * 37 % 250) - 125);
    scores[7] = INFINITY;
    scores[8] = -INFINITY;
    scores[9] = 1e-40f;
    expect_top_k(scores, 1, 50);
    expect_top_k(scores, 1, 599);
}

TEST_F(CudaTopK, ANanIsBehindEverything) {
    std::vector<float> scores = formula_values(100, 1);
    scores[3] = scores[50] = NAN;
    scores[60] = -NAN;
    scores[4] = -INFINITY;
    expect_top_k(scores, 1, 10);
    expect_top_k(scores, 1, 97);
    expect_top_k(scores, 1, 100);
}

TEST_F(CudaTopK, EachRowOfMany) {
    expect_top_k(formula_values(9 * 500, 4), 9, 5);
    expect_top_k(formula_values(33 * 40, 4), 33, 40);
}

TEST_F(CudaTopK, NoneIsNothing) {
    const DeviceArray<float> scores(formula_values(4, 1));
    device().top_k(scores.data(), nullptr, nullptr, 1, 4, 0);
    device().synchronize();
}

}  // namespace
}  // namespace moco::cuda::testing
