#include "tests/reference/losses.h"

#include <algorithm>
#include <cmath>

#include "tests/reference/elementwise.h"
#include "tests/reference/matrices.h"

namespace moco::testing::reference {
namespace {

double log_sum_exp(const double* row, int64_t columns) {
    const double maximum = *std::max_element(row, row + columns);
    double sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += std::exp(row[c] - maximum);
    return maximum + std::log(sum);
}

Values info_nce_logits(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue) {
    const Values positive = row_dot(q, k, d.N, d.C);
    const Values negative = matmul({.M = d.N, .N = d.K, .K = d.C, .b = Transpose::yes}, q, queue);
    return scale(concat_columns(positive, negative, d.N, 1, d.K), 1 / static_cast<double>(d.T));
}

std::vector<int64_t> class_zero(int64_t rows) {
    return std::vector<int64_t>(static_cast<size_t>(rows), 0);
}

}  // namespace

LossResult cross_entropy(const Values& logits, const std::vector<int64_t>& targets, int64_t rows, int64_t columns) {
    LossResult result;
    for (int64_t r = 0; r < rows; ++r) {
        const double* row = logits.data() + r * columns;
        const int64_t target = targets[static_cast<size_t>(r)];
        result.value += (log_sum_exp(row, columns) - row[target]) / static_cast<double>(rows);
        bool strict = true;
        for (int64_t c = 0; c < columns; ++c) strict = strict && (c == target || row[c] < row[target]);
        result.correct += strict ? 1 : 0;
    }
    return result;
}

Values cross_entropy_backward(const Values& logits, const std::vector<int64_t>& targets, double dvalue, int64_t rows,
                              int64_t columns) {
    Values dlogits = zeros(rows * columns);
    for (int64_t r = 0; r < rows; ++r) {
        const double* row = logits.data() + r * columns;
        const double log_sum = log_sum_exp(row, columns);
        for (int64_t c = 0; c < columns; ++c) {
            const double onehot = c == targets[static_cast<size_t>(r)] ? 1 : 0;
            dlogits[static_cast<size_t>(r * columns + c)] =
                dvalue * (std::exp(row[c] - log_sum) - onehot) / static_cast<double>(rows);
        }
    }
    return dlogits;
}

LossResult info_nce(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue) {
    return cross_entropy(info_nce_logits(d, q, k, queue), class_zero(d.N), d.N, 1 + d.K);
}

InfoNceGradients info_nce_backward(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue,
                                   double dvalue) {
    const Values logits = info_nce_logits(d, q, k, queue);
    const Values dscaled =
        scale(cross_entropy_backward(logits, class_zero(d.N), dvalue, d.N, 1 + d.K), 1 / static_cast<double>(d.T));
    const Values dpositive = columns_of(dscaled, d.N, 1 + d.K, 0, 1);
    const MatmulDims product = {.M = d.N, .N = d.K, .K = d.C, .b = Transpose::yes};
    MatmulGradients negative = matmul_backward(product, q, queue, columns_of(dscaled, d.N, 1 + d.K, 1, 1 + d.K));
    return {add(negative.da, row_dot_backward(k, dpositive, d.N, d.C)), row_dot_backward(q, dpositive, d.N, d.C),
            std::move(negative.db)};
}

}  // namespace moco::testing::reference
