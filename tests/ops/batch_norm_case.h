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

/// Running statistics by the formula (salts 60 and 61).
struct RunningValues {
    explicit RunningValues(int64_t C) {
        const std::vector<float> means = formula_values(C, 60), variances = formula_values(C, 61);
        mean.assign(means.begin(), means.end());
        for (const float value : variances) var.push_back(value * 0.5f + 1);
    }

    Values mean, var;
};

/// The same on a backend, too.
struct RunningStatistics : RunningValues {
    RunningStatistics(int64_t C, Backend& backend) : RunningValues(C) {
        const auto on_backend = [&](const Values& values) {
            return Tensor::from_host(std::vector<float>(values.begin(), values.end()), {C}, backend);
        };
        buffers = {.running_mean = on_backend(mean), .running_var = on_backend(var)};
    }

    BatchNormBuffers buffers;
};

/// Train mode, or frozen mode if d's statistics are given; inputs x (N,HW,1,C), gamma, beta and, with one, the
/// residual. `running` collects the statistics, if there.
inline OpCase batch_norm_case(const BatchNormDims& d, Residual residual,
                              std::shared_ptr<RunningStatistics> running = nullptr) {
    const bool added = residual == Residual::with;
    const Shape shape = {d.N, d.HW, 1, d.C};
    const double values = static_cast<double>(d.samples_per_split() * d.HW);
    const bool frozen = d.statistics == Statistics::given;
    const auto fixed = std::make_shared<RunningValues>(d.C);
    const auto forward = [=](const BatchNormDims& dims, const std::vector<Values>& in) {
        const Values residual_values = added ? in[3] : Values(), unused(static_cast<size_t>(d.C));
        if (frozen) {
            return reference::batch_norm_inference(dims, {}, in[0], in[1], in[2], residual_values, fixed->mean,
                                                   fixed->var);
        }
        return reference::batch_norm(dims, {}, in[0], in[1], in[2], residual_values, unused, unused).y;
    };
    OpCase result = {
        .what = fmt::format("batch_norm of N {}, HW {}, C {} in {} splits{}{}{}", d.N, d.HW, d.C, d.S,
                            added ? ", residual" : "", d.activation == Activation::relu ? ", relu" : "",
                            frozen ? ", frozen" : ""),
        .inputs = {{"x", shape}, {"gamma", {d.C}}, {"beta", {d.C}}},
        .op =
            [=](const std::vector<Tensor>& in) {
                const BatchNormBuffers buffers =
                    running ? running->buffers : RunningStatistics(d.C, in[0].backend()).buffers;
                const BatchNormMode mode = frozen ? BatchNormMode::frozen : BatchNormMode::train;
                return batch_norm(in[0], in[1], in[2], buffers,
                                  {.mode = mode, .splits = d.S, .activation = d.activation}, added ? in[3] : Tensor());
            },
        .forward = [=](const std::vector<Values>& in) { return forward(d, in); },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                const Values residual_values = added ? in[3] : Values();
                auto [dx, dgamma, dbeta, dresidual] =
                    frozen ? reference::batch_norm_inference_backward(d, {}, in[0], in[1], in[2], residual_values,
                                                                      fixed->mean, fixed->var, dy)
                           : reference::batch_norm_backward(d, {}, in[0], in[1], in[2], residual_values, dy);
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
            return forward(plain, in);
        };
    }
    if (added) {
        result.inputs.push_back({"residual", shape});
        result.backward_tolerances.push_back(kExact);
    }
    return result;
}

}  // namespace moco::testing
