#include "tests/reference/batch_norm.h"

#include <cmath>
#include <functional>

namespace moco::testing::reference {
namespace {

/// Calls visit(i) for every element of split s, channel c.
void for_each(const BatchNormDims& d, int64_t s, int64_t c, const std::function<void(size_t)>& visit) {
    for (int64_t n = s; n < d.N; n += d.S) {
        for (int64_t p = 0; p < d.HW; ++p) visit(static_cast<size_t>((n * d.HW + p) * d.C + c));
    }
}

struct Statistics {
    double mean = 0, var = 0, count = 0;  // var: biased
};

Statistics statistics(const BatchNormDims& d, const Values& x, int64_t s, int64_t c) {
    Statistics result;
    result.count = static_cast<double>(d.samples_per_split() * d.HW);
    for_each(d, s, c, [&](size_t i) { result.mean += x[i] / result.count; });
    for_each(d, s, c, [&](size_t i) { result.var += (x[i] - result.mean) * (x[i] - result.mean) / result.count; });
    return result;
}

double activate(const BatchNormDims& d, double value) {
    return d.activation == Activation::relu && value < 0 ? 0 : value;
}

/// The gradient of what the activation was given.
Values behind_activation(const BatchNormDims& d, const Values& y, const Values& dy) {
    Values g = dy;
    for (size_t i = 0; i < g.size(); ++i) {
        if (d.activation == Activation::relu && !(y[i] > 0)) g[i] = 0;
    }
    return g;
}

}  // namespace

BatchNormResult batch_norm(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                           const Values& gamma, const Values& beta, const Values& residual, const Values& running_mean,
                           const Values& running_var) {
    BatchNormResult result = {zeros(d.count()), zeros(d.C), zeros(d.C)};
    const double momentum = options.momentum, splits = static_cast<double>(d.S);
    for (int64_t channel = 0; channel < d.C; ++channel) {
        const size_t c = static_cast<size_t>(channel);
        for (int64_t s = 0; s < d.S; ++s) {
            const Statistics batch = statistics(d, x, s, channel);
            const double inv_std = 1 / std::sqrt(batch.var + options.epsilon);
            for_each(d, s, channel, [&](size_t i) {
                const double value = gamma[c] * (x[i] - batch.mean) * inv_std + beta[c];
                result.y[i] = activate(d, value + (residual.empty() ? 0 : residual[i]));
            });
            const double unbiased = batch.var * batch.count / (batch.count - 1);
            result.running_mean[c] += ((1 - momentum) * running_mean[c] + momentum * batch.mean) / splits;
            result.running_var[c] += ((1 - momentum) * running_var[c] + momentum * unbiased) / splits;
        }
    }
    return result;
}

Values batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                            const Values& gamma, const Values& beta, const Values& residual, const Values& running_mean,
                            const Values& running_var) {
    Values y = zeros(d.count());
    for (size_t i = 0; i < y.size(); ++i) {
        const size_t c = i % static_cast<size_t>(d.C);
        const double value = gamma[c] * (x[i] - running_mean[c]) / std::sqrt(running_var[c] + options.epsilon);
        y[i] = activate(d, value + beta[c] + (residual.empty() ? 0 : residual[i]));
    }
    return y;
}

BatchNormGradients batch_norm_backward(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                                       const Values& gamma, const Values& beta, const Values& residual,
                                       const Values& dy) {
    const Values y = batch_norm(d, options, x, gamma, beta, residual, zeros(d.C), zeros(d.C)).y;
    const Values g = behind_activation(d, y, dy);
    BatchNormGradients result = {zeros(d.count()), zeros(d.C), zeros(d.C), residual.empty() ? Values() : g};
    for (int64_t channel = 0; channel < d.C; ++channel) {
        const size_t c = static_cast<size_t>(channel);
        for (int64_t s = 0; s < d.S; ++s) {
            const Statistics batch = statistics(d, x, s, channel);
            const double inv_std = 1 / std::sqrt(batch.var + options.epsilon);
            double sum_g = 0, sum_gx = 0;  // over the split: g, and g times the normalised x
            for_each(d, s, channel, [&](size_t i) {
                sum_g += g[i];
                sum_gx += g[i] * (x[i] - batch.mean) * inv_std;
            });
            result.dbeta[c] += sum_g;
            result.dgamma[c] += sum_gx;
            for_each(d, s, channel, [&](size_t i) {
                const double normalised = (x[i] - batch.mean) * inv_std;
                result.dx[i] = gamma[c] * inv_std * (g[i] - (sum_g + normalised * sum_gx) / batch.count);
            });
        }
    }
    return result;
}

BatchNormGradients batch_norm_inference_backward(const BatchNormDims& d, const BatchNormOptions& options,
                                                 const Values& x, const Values& gamma, const Values& beta,
                                                 const Values& residual, const Values& running_mean,
                                                 const Values& running_var, const Values& dy) {
    const Values y = batch_norm_inference(d, options, x, gamma, beta, residual, running_mean, running_var);
    const Values g = behind_activation(d, y, dy);
    BatchNormGradients result = {zeros(d.count()), zeros(d.C), zeros(d.C), residual.empty() ? Values() : g};
    for (size_t i = 0; i < g.size(); ++i) {
        const size_t c = i % static_cast<size_t>(d.C);
        const double inv_std = 1 / std::sqrt(running_var[c] + options.epsilon);
        result.dx[i] = g[i] * gamma[c] * inv_std;
        result.dgamma[c] += g[i] * (x[i] - running_mean[c]) * inv_std;
        result.dbeta[c] += g[i];
    }
    return result;
}

}  // namespace moco::testing::reference
