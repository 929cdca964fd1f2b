// Kernels that work row by row on the CPU: against the reference, around vector lengths; ties and wrap-around.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/cpu/on_each_target.h"
#include "tests/reference/matrices.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using reference::Values;

Values wide(const std::vector<float>& values) {
    return Values(values.begin(), values.end());
}

/// Runs body(rows, columns, a, b) on each instruction set; a and b are rows x columns.
template <class Body>
void for_matrices(const Body& body) {
    on_each_target([&] {
        for (const int64_t columns : {1, 3, 15, 16, 17, 33, 2100})
            for (const int64_t rows : {1, 5, 40}) {
                SCOPED_TRACE(fmt::format("{} x {}", rows, columns));
                body(rows, columns, formula_values(rows * columns, 1), formula_values(rows * columns, 2));
            }
    });
}

TEST(CpuRows, AddBiasAndSumRows) {
    for_matrices([](int64_t rows, int64_t columns, auto x, const auto& bias) {
        Values with_bias = wide(x), sums = reference::zeros(columns);
        for (size_t i = 0; i < x.size(); ++i) {
            const size_t c = i % static_cast<size_t>(columns);
            with_bias[i] += bias[c];
            sums[c] += x[i];
        }
        std::vector<float> sum(sums.size());
        cpu().sum_rows(x.data(), sum.data(), rows, columns);
        EXPECT_LT(error_over_rms(sum, sums), 2e-7);
        cpu().add_bias(x.data(), bias.data(), x.data(), rows, columns);
        EXPECT_LT(error_over_rms(x, with_bias), 2e-7);
    });
}

TEST(CpuRows, L2Normalize) {
    for_matrices([](int64_t rows, int64_t columns, const auto& x, const auto& dy) {
        std::vector<float> y(x.size()), dx(x.size()), norm(static_cast<size_t>(rows));
        cpu().l2_normalize_forward(x.data(), y.data(), norm.data(), rows, columns);
        cpu().l2_normalize_backward(y.data(), norm.data(), dy.data(), dx.data(), rows, columns);
        EXPECT_LT(error_over_rms(y, reference::l2_normalize(wide(x), rows, columns)), 5e-7);
        if (columns > 1) {  // of a single column the gradient is zero but for rounding
            EXPECT_LT(error_over_rms(dx, reference::l2_normalize_backward(wide(x), wide(dy), rows, columns)), 5e-6);
        }
    });
}

TEST(CpuRows, AZeroRowIsNormalisedToZero) {
    on_each_target([] {
        const std::vector<float> x(20, 0.0f);
        std::vector<float> y(20, 1.0f), norm(1);
        cpu().l2_normalize_forward(x.data(), y.data(), norm.data(), 1, 20);
        EXPECT_EQ(norm[0], 1e-12f);
        EXPECT_EQ(y, x);
    });
}

TEST(CpuRows, RowDot) {
    for_matrices([](int64_t rows, int64_t columns, const auto& a, const auto& b) {
        const auto ddot = formula_values(rows, 3);
        std::vector<float> dot(ddot.size()), da(a.size()), db(a.size());
        cpu().row_dot_forward(a.data(), b.data(), dot.data(), rows, columns);
        cpu().row_dot_backward(a.data(), b.data(), ddot.data(), da.data(), db.data(), rows, columns);
        EXPECT_LT(error_over_rms(dot, reference::row_dot(wide(a), wide(b), rows, columns)), 5e-6);
        EXPECT_LT(error_over_rms(da, reference::row_dot_backward(wide(b), wide(ddot), rows, columns)), 3e-7);
        EXPECT_LT(error_over_rms(db, reference::row_dot_backward(wide(a), wide(ddot), rows, columns)), 3e-7);
        cpu().row_dot_backward(a.data(), b.data(), ddot.data(), nullptr, nullptr, rows, columns);
    });
}

TEST(CpuRows, ConcatAndItsParts) {
    for_matrices([](int64_t rows, int64_t columns, const auto& a, const auto& b) {
        std::vector<float> y(2 * a.size()), da(a.size()), db(a.size());
        cpu().concat_columns_forward(a.data(), b.data(), y.data(), rows, columns, columns);
        EXPECT_EQ(error_over_rms(y, reference::concat_columns(wide(a), wide(b), rows, columns, columns)), 0);
        cpu().concat_columns_backward(y.data(), da.data(), db.data(), rows, columns, columns);
        EXPECT_EQ(da, a);
        EXPECT_EQ(db, b);
    });
}

TEST(CpuRows, GatherRows) {
    for_matrices([](int64_t rows, int64_t columns, const auto& x, const auto&) {
        std::vector<int64_t> index;
        for (int64_t i = 0; i < rows + 3; ++i) index.push_back((i * 7 + 3) % rows);
        std::vector<float> y(index.size() * static_cast<size_t>(columns));
        cpu().gather_rows(x.data(), index.data(), y.data(), rows + 3, columns);
        for (size_t i = 0; i < y.size(); ++i) {
            const int64_t row = index[i / static_cast<size_t>(columns)];
            ASSERT_EQ(y[i], x[static_cast<size_t>(row * columns) + i % static_cast<size_t>(columns)]);
        }
    });
}

TEST(CpuRows, ScatterRowsWritesTheLastOfEqualIndices) {
    for_matrices([](int64_t rows, int64_t columns, const auto& x, const auto& before) {
        std::vector<int64_t> index;
        for (int64_t i = 0; i < rows; ++i) index.push_back(i * 7 % ((rows + 1) / 2));  // half of y stays
        std::vector<float> y = before;
        cpu().scatter_rows(x.data(), index.data(), y.data(), rows, columns);
        EXPECT_EQ(error_over_rms(y, reference::scatter_rows(wide(x), index, wide(before), columns)), 0);
    });
}

TEST(CpuEnqueue, WrapsAroundTheEnd) {
    const int64_t K = 7, C = 3;
    for (const int64_t N : {1, 4, 7})
        for (int64_t start = 0; start < K; ++start) {
            SCOPED_TRACE(fmt::format("N {} from {}", N, start));
            const auto keys = formula_values(N * C, 1);
            std::vector<float> queue(static_cast<size_t>(K * C), 9.0f), expected = queue;
            for (int64_t i = 0; i < N * C; ++i) {
                expected[static_cast<size_t>((start * C + i) % (K * C))] = keys[static_cast<size_t>(i)];
            }
            cpu().enqueue(&start, keys.data(), queue.data(), N, K, C);
            EXPECT_EQ(queue, expected);
        }
}

/// The definition: a stable sort by descending score.
std::vector<int64_t> sorted_indices(const std::vector<float>& row) {
    std::vector<int64_t> order(row.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)]; });
    return order;
}

void expect_top_k(const std::vector<float>& row, int64_t k) {
    std::vector<float> values(static_cast<size_t>(k));
    std::vector<int64_t> indices(values.size()), expected = sorted_indices(row);
    cpu().top_k(row.data(), values.data(), indices.data(), 1, static_cast<int64_t>(row.size()), k);
    expected.resize(values.size());
    EXPECT_EQ(indices, expected);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], row[static_cast<size_t>(indices[i])]);
}

TEST(CpuTopK, AgreesWithAStableSort) {
    on_each_target([] {
        for (const int64_t columns : {1, 3, 15, 16, 17, 33, 5000})
            for (const int64_t k :
                 {int64_t{1}, std::min<int64_t>(columns, 7), std::min<int64_t>(columns, 200), columns}) {
                SCOPED_TRACE(fmt::format("{} of {}", k, columns));
                expect_top_k(formula_values(columns, 1), k);
            }
    });
}

TEST(CpuTopK, TiesGoToTheSmallerIndex) {
    on_each_target([] {
        std::vector<float> few_values = formula_values(3000, 1);
        for (float& v : few_values) v = std::round(v * 3);  // seven values, -0 and 0 among them
        expect_top_k(few_values, 500);
        std::vector<float> rising(3000);
        std::iota(rising.begin(), rising.end(), 0.0f);
        expect_top_k(rising, 100);
        expect_top_k(std::vector<float>(100, -INFINITY), 30);
    });
}

TEST(CpuTopK, EachRowOfMany) {
    const int64_t rows = 9, columns = 12000, k = 5;
    const auto scores = formula_values(rows * columns, 4);
    std::vector<float> values(static_cast<size_t>(rows * k));
    std::vector<int64_t> indices(values.size());
    cpu().top_k(scores.data(), values.data(), indices.data(), rows, columns, k);
    for (int64_t r = 0; r < rows; ++r) {
        const auto expected = sorted_indices({scores.begin() + r * columns, scores.begin() + (r + 1) * columns});
        for (int64_t i = 0; i < k; ++i)
            EXPECT_EQ(indices[static_cast<size_t>(r * k + i)], expected[static_cast<size_t>(i)]);
    }
}

}  // namespace
}  // namespace moco::testing
