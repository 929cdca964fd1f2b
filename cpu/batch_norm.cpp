// Batch normalisation over N,H,W,C in interleaved splits.
#include <cmath>
#include <vector>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::batch_norm_forward(const BatchNormDims& d, const BatchNormOptions& options, const float* x,
                                    const float* gamma, const float* beta, const float* residual, float* running_mean,
                                    float* running_var, float* mean, float* inv_std, float* y) {
    const int64_t per_split = d.samples_per_split() * d.HW;
    std::vector<double> mean_sum(static_cast<size_t>(d.C)), var_sum(static_cast<size_t>(d.C));
    for (int64_t s = 0; s < d.S; ++s) {
        for (int64_t c = 0; c < d.C; ++c) {
            double sum = 0, squares = 0;
            for (int64_t n = s; n < d.N; n += d.S)
                for (int64_t p = 0; p < d.HW; ++p) sum += x[(n * d.HW + p) * d.C + c];
            const double m = sum / static_cast<double>(per_split);
            for (int64_t n = s; n < d.N; n += d.S)
                for (int64_t p = 0; p < d.HW; ++p) {
                    const double v = x[(n * d.HW + p) * d.C + c] - m;
                    squares += v * v;
                }
            const double variance = squares / static_cast<double>(per_split);
            mean[s * d.C + c] = static_cast<float>(m);
            inv_std[s * d.C + c] = static_cast<float>(1 / std::sqrt(variance + options.epsilon));
            mean_sum[static_cast<size_t>(c)] += m;
            var_sum[static_cast<size_t>(c)] += squares / static_cast<double>(per_split > 1 ? per_split - 1 : 1);
        }
    }
    for (int64_t c = 0; c < d.C; ++c) {
        const double a = options.momentum;
        running_mean[c] = static_cast<float>((1 - a) * running_mean[c] +
                                             a * mean_sum[static_cast<size_t>(c)] / static_cast<double>(d.S));
        running_var[c] = static_cast<float>((1 - a) * running_var[c] +
                                            a * var_sum[static_cast<size_t>(c)] / static_cast<double>(d.S));
    }
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t p = 0; p < d.HW; ++p)
            for (int64_t c = 0; c < d.C; ++c) {
                const int64_t i = (n * d.HW + p) * d.C + c, sc = (n % d.S) * d.C + c;
                float v = (x[i] - mean[sc]) * inv_std[sc] * gamma[c] + beta[c];
                if (residual != nullptr) v += residual[i];
                y[i] = d.activation == Activation::relu ? std::fmax(v, 0.0f) : v;
            }
}

void CpuBackend::batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const float* x,
                                      const float* gamma, const float* beta, const float* residual,
                                      const float* running_mean, const float* running_var, float* y) {
    for (int64_t i = 0; i < d.N * d.HW; ++i)
        for (int64_t c = 0; c < d.C; ++c) {
            const float scale = gamma[c] / std::sqrt(running_var[c] + options.epsilon);
            float v = (x[i * d.C + c] - running_mean[c]) * scale + beta[c];
            if (residual != nullptr) v += residual[i * d.C + c];
            y[i * d.C + c] = d.activation == Activation::relu ? std::fmax(v, 0.0f) : v;
        }
}

void CpuBackend::batch_norm_backward(const BatchNormDims& d, const float* x, const float* y, const float* gamma,
                                     const float* mean, const float* inv_std, const float* dy, float* dx, float* dgamma,
                                     float* dbeta, float* dresidual) {
    const bool masked = d.activation == Activation::relu;
    const double per_split = static_cast<double>(d.samples_per_split() * d.HW);
    std::vector<double> sums(static_cast<size_t>(2 * d.S * d.C));
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t p = 0; p < d.HW; ++p)
            for (int64_t c = 0; c < d.C; ++c) {
                const int64_t i = (n * d.HW + p) * d.C + c, sc = (n % d.S) * d.C + c;
                const float g = masked && y[i] <= 0 ? 0 : dy[i];
                sums[static_cast<size_t>(2 * sc)] += g;
                sums[static_cast<size_t>(2 * sc + 1)] += double(g) * (x[i] - mean[sc]) * inv_std[sc];
            }
    for (int64_t c = 0; c < d.C; ++c) {
        double beta_sum = 0, gamma_sum = 0;
        for (int64_t s = 0; s < d.S; ++s) {
            beta_sum += sums[static_cast<size_t>(2 * (s * d.C + c))];
            gamma_sum += sums[static_cast<size_t>(2 * (s * d.C + c) + 1)];
        }
        if (dbeta != nullptr) dbeta[c] = static_cast<float>(beta_sum);
        if (dgamma != nullptr) dgamma[c] = static_cast<float>(gamma_sum);
    }
    for (int64_t n = 0; n < d.N; ++n)
        for (int64_t p = 0; p < d.HW; ++p)
            for (int64_t c = 0; c < d.C; ++c) {
                const int64_t i = (n * d.HW + p) * d.C + c, sc = (n % d.S) * d.C + c;
                const float g = masked && y[i] <= 0 ? 0 : dy[i];
                const double normalised = (x[i] - mean[sc]) * inv_std[sc];
                if (dresidual != nullptr) dresidual[i] = g;
                if (dx != nullptr)
                    dx[i] = static_cast<float>(gamma[c] * inv_std[sc] *
                                               (g - sums[static_cast<size_t>(2 * sc)] / per_split -
                                                normalised * sums[static_cast<size_t>(2 * sc + 1)] / per_split));
            }
}

}  // namespace moco::cpu
