// Cross-entropy of softmax(logits) with one target a row.
#include <algorithm>
#include <cmath>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::cross_entropy_forward(const float* logits, const int64_t* targets, float* loss, float* log_sum,
                                       float* correct, int64_t rows, int64_t columns) {
    double total = 0;
    int64_t hits = 0;
    for (int64_t r = 0; r < rows; ++r) {
        const float* row = logits + r * columns;
        const float maximum = *std::max_element(row, row + columns);
        double sum = 0;
        int64_t at_least = 0;
        for (int64_t c = 0; c < columns; ++c) {
            sum += std::exp(double(row[c]) - maximum);
            at_least += row[c] >= row[targets[r]];
        }
        const double log_of_sum = maximum + std::log(sum);
        log_sum[r] = static_cast<float>(log_of_sum);
        total += log_of_sum - row[targets[r]];
        hits += at_least == 1;
    }
    *loss = static_cast<float>(total / static_cast<double>(rows));
    *correct = static_cast<float>(hits);
}

void CpuBackend::cross_entropy_backward(const float* logits, const int64_t* targets, const float* log_sum,
                                        const float* dloss, float* dlogits, int64_t rows, int64_t columns) {
    const float factor = *dloss / static_cast<float>(rows);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
            dlogits[r * columns + c] =
                factor * (std::exp(logits[r * columns + c] - log_sum[r]) - (c == targets[r] ? 1.0f : 0.0f));
}

}  // namespace moco::cpu
