// Batch norm as an OpCase, for its own test and for that of conv_bn.
#pragma once

#include <memory>

#include "ops/batch_norm.h"
#include "tests/reference/batch_norm.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco::testing {

enum class Residual { without, with };

/// Running statistics by the formula (salts 60 and 61), on the host and on a backend.
struct RunningStatistics {
    RunningStatistics(int64_t C, Backend& backend) {
        const std::vector<float> mean_values = formula_values(C, 60);
        std::vector<float> var_values = formula_values(C, 61);
        for (float& value : var_values) value = value * 0.5f + 1;
        mean.assign(mean_values.begin(), mean_values.end());
        var.assign(var_values.begin(), var_values.end());
        buffers = {.running_mean = Tensor::from_host(mean_values, {C}, backend),
                   .running_var = Tensor::from_host(var_values, {C}, backend)};
    }

    Values mean, var;
    BatchNormBuffers buffers;
};

/// Train mode; inputs x (N,HW,1,C), gamma, beta and, with one, the residual. `running` collects the statistics, if
/// given.
inline OpCase batch_norm_case(const BatchNormDims& d, Residual residual,
                              std::shared_ptr<RunningStatistics> running = nullptr) {
    const bool added = residual == Residual::with;
    const Shape shape = {d.N, d.HW, 1, d.C};
    const double values = static_cast<double>(d.samples_per_split() * d.HW);
    OpCase result = {
        .what = fmt::format("batch_norm of N {}, HW {}, C {} in {} splits{}{}", d.N, d.HW, d.C, d.S,
                            added ? ", residual" : "", d.activation == Activation::relu ? ", relu" : ""),
        .inputs = {{"x", shape}, {"gamma", {d.C}}, {"beta", {d.C}}},
        .op =
            [=](const std::vector<Tensor>& in) {
                const BatchNormBuffers buffers =
                    running ? running->buffers : RunningStatistics(d.C, in[0].backend()).buffers;
                return batch_norm(in[0], in[1], in[2], buffers, {.splits = d.S, .activation = d.activation},
                                  added ? in[3] : Tensor());
            },
        .forward =
            [=](const std::vector<Values>& in) {
                const Values unused(static_cast<size_t>(d.C));
                return reference::batch_norm(d, {}, in[0], in[1], in[2], added ? in[3] : Values(), unused, unused).y;
            },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                auto [dx, dgamma, dbeta, dresidual] =
                    reference::batch_norm_backward(d, {}, in[0], in[1], in[2], added ? in[3] : Values(), dy);
                std::vector<Values> gradients = {dx, dgamma, dbeta};
                if (added) gradients.push_back(dresidual);
                return gradients;
            },
        .forward_tolerance = sum_of(16),
        // dx is dy less its projections on two directions; of few values little is left, and its error grows likewise.
        .backward_tolerances = {sum_of(16) * (1 + 4 / (values - 2 > 0 ? values - 2 : 1)), sum_of(d.N * d.HW),
                                sum_of(d.N * d.HW)}};
    if (d.activation == Activation::relu) {
        result.before_relu = [=](const std::vector<Values>& in) {
            BatchNormDims plain = d;
            plain.activation = Activation::none;
            const Values unused(static_cast<size_t>(d.C));
            return reference::batch_norm(plain, {}, in[0], in[1], in[2], added ? in[3] : Values(), unused, unused).y;
        };
    }
    if (added) {
        result.inputs.push_back({"residual", shape});
        result.backward_tolerances.push_back(kExact);
    }
    return result;
}

}  // namespace moco::testing
