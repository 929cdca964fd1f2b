// Fused InfoNCE (paper, Eqn. 1): streams over the queue.
#include <cmath>
#include <vector>

#include "cpu/backend_impl.h"

namespace moco::cpu {
namespace {

float dot(const float* a, const float* b, int64_t C) {
    double sum = 0;
    for (int64_t c = 0; c < C; ++c) sum += double(a[c]) * b[c];
    return static_cast<float>(sum);
}

}  // namespace

void CpuBackend::info_nce_forward(const InfoNceDims& d, const float* q, const float* k, const float* queue, float* loss,
                                  float* positive, float* log_sum, float* correct) {
    double total = 0;
    int64_t hits = 0;
    for (int64_t n = 0; n < d.N; ++n) {
        positive[n] = dot(q + n * d.C, k + n * d.C, d.C) / d.T;
        double maximum = positive[n], sum = 1;
        bool strict = true;
        for (int64_t j = 0; j < d.K; ++j) {
            const float logit = dot(q + n * d.C, queue + j * d.C, d.C) / d.T;
            strict = strict && logit < positive[n];
            if (logit > maximum) {
                sum = sum * std::exp(maximum - logit) + 1;
                maximum = logit;
            } else {
                sum += std::exp(logit - maximum);
            }
        }
        log_sum[n] = static_cast<float>(maximum + std::log(sum));
        total += log_sum[n] - positive[n];
        hits += strict;
    }
    *loss = static_cast<float>(total / static_cast<double>(d.N));
    *correct = static_cast<float>(hits);
}

void CpuBackend::info_nce_backward(const InfoNceDims& d, const float* q, const float* k, const float* queue,
                                   const float* positive, const float* log_sum, const float* dloss, float* dq,
                                   float* dk) {
    const float factor = *dloss / (static_cast<float>(d.N) * d.T);
    std::vector<double> row(static_cast<size_t>(d.C));
    for (int64_t n = 0; n < d.N; ++n) {
        const double dpositive = factor * (std::exp(positive[n] - log_sum[n]) - 1);
        for (int64_t c = 0; c < d.C; ++c) {
            row[static_cast<size_t>(c)] = dpositive * k[n * d.C + c];
            if (dk != nullptr) dk[n * d.C + c] = static_cast<float>(dpositive * q[n * d.C + c]);
        }
        for (int64_t j = 0; j < d.K; ++j) {
            const double g = factor * std::exp(dot(q + n * d.C, queue + j * d.C, d.C) / d.T - log_sum[n]);
            for (int64_t c = 0; c < d.C; ++c) row[static_cast<size_t>(c)] += g * queue[j * d.C + c];
        }
        for (int64_t c = 0; c < d.C; ++c) dq[n * d.C + c] = static_cast<float>(row[static_cast<size_t>(c)]);
    }
}

}  // namespace moco::cpu
