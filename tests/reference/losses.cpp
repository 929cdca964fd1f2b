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

/// Of a row's target distribution, class c's part.
double target_share(const CrossEntropyDims& d, int64_t c, int64_t target) {
    const double smoothing = d.smoothing;
    return (c == target ? 1 - smoothing : 0) + smoothing / static_cast<double>(d.C);
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

LossResult cross_entropy(const CrossEntropyDims& d, const Values& logits, const std::vector<int64_t>& targets) {
    LossResult result;
    for (int64_t r = 0; r < d.N; ++r) {
        const double* row = logits.data() + r * d.C;
        const int64_t target = targets[static_cast<size_t>(r)];
        const double log_sum = log_sum_exp(row, d.C);
        bool strict = true;
        for (int64_t c = 0; c < d.C; ++c) {
            result.value += target_share(d, c, target) * (log_sum - row[c]) / static_cast<double>(d.N);
            strict = strict && (c == target || row[c] < row[target]);
        }
        result.correct += strict ? 1 : 0;
    }
    return result;
}

Values cross_entropy_backward(const CrossEntropyDims& d, const Values& logits, const std::vector<int64_t>& targets,
                              double dvalue) {
    Values dlogits = zeros(d.count());
    for (int64_t r = 0; r < d.N; ++r) {
        const double* row = logits.data() + r * d.C;
        const double log_sum = log_sum_exp(row, d.C);
        for (int64_t c = 0; c < d.C; ++c) {
            dlogits[static_cast<size_t>(r * d.C + c)] =
                dvalue * (std::exp(row[c] - log_sum) - target_share(d, c, targets[static_cast<size_t>(r)])) /
                static_cast<double>(d.N);
        }
    }
    return dlogits;
}

LossResult info_nce(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue) {
    return cross_entropy({d.N, 1 + d.K}, info_nce_logits(d, q, k, queue), class_zero(d.N));
}

InfoNceGradients info_nce_backward(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue,
                                   double dvalue) {
    const Values logits = info_nce_logits(d, q, k, queue);
    const Values dscaled =
        scale(cross_entropy_backward({d.N, 1 + d.K}, logits, class_zero(d.N), dvalue), 1 / static_cast<double>(d.T));
    const Values dpositive = columns_of(dscaled, d.N, 1 + d.K, 0, 1);
    const MatmulDims product = {.M = d.N, .N = d.K, .K = d.C, .b = Transpose::yes};
    MatmulGradients negative = matmul_backward(product, q, queue, columns_of(dscaled, d.N, 1 + d.K, 1, 1 + d.K));
    return {add(negative.da, row_dot_backward(k, dpositive, d.N, d.C)), row_dot_backward(q, dpositive, d.N, d.C),
            std::move(negative.db)};
}

}  // namespace moco::testing::reference
