// Batch normalisation on the CPU against the reference, with every instruction set and around vector lengths.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cpu/on_each_target.h"
#include "tests/reference/batch_norm.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using reference::Values;

// Channels around vector lengths; pixels that fold into wide rows and pixels that do not; up to more splits than
// partial sums.
const std::vector<BatchNormDims> kCases = {
    {4, 4, 1, 1},   {4, 6, 3, 2},  {4, 16, 3, 4},   {2, 5, 15, 1}, {6, 2, 16, 3},  {4, 9, 17, 2}, {2, 16, 17, 1},
    {8, 49, 32, 4}, {4, 4, 33, 2}, {34, 3, 64, 17}, {4, 4, 80, 4}, {2, 7, 200, 1}, {40, 1, 8, 1}};

Values wide(const std::vector<float>& values) {
    return Values(values.begin(), values.end());
}

struct Inputs {
    std::vector<float> x, residual, gamma, beta, dy, running_mean, running_var;

    explicit Inputs(const BatchNormDims& d)
        : x(formula_values(d.count(), 1)),
          residual(formula_values(d.count(), 2)),
          gamma(formula_values(d.C, 3)),
          beta(formula_values(d.C, 4)),
          dy(formula_values(d.count(), 5)),
          running_mean(formula_values(d.C, 6)),
          running_var(formula_values(d.C, 7)) {
        for (float& v : running_var) v += 1.5f;
    }
};

struct Forward {
    std::vector<float> y, mean, inv_std, running_mean, running_var;
    std::vector<uint8_t> signs;  // empty where this target keeps none

    Forward(const BatchNormDims& d, const Inputs& in, const float* residual)
        : y(in.x.size()),
          mean(static_cast<size_t>(d.S * d.C)),
          inv_std(mean.size()),
          running_mean(in.running_mean),
          running_var(in.running_var),
          signs(cpu().batch_norm_sign_bytes(d)) {
        cpu().batch_norm_forward(d, {}, in.x.data(), in.gamma.data(), in.beta.data(), residual, running_mean.data(),
                                 running_var.data(), mean.data(), inv_std.data(), y.data(), kept_signs());
    }
    uint8_t* kept_signs() { return signs.empty() ? nullptr : signs.data(); }
};

void compare(BatchNormDims d, bool with_residual, Activation activation) {
    d.activation = activation;
    SCOPED_TRACE(fmt::format("N {} HW {} C {} S {} residual {} relu {}", d.N, d.HW, d.C, d.S, with_residual,
                             activation == Activation::relu));
    const Inputs in(d);
    const Values residual = with_residual ? wide(in.residual) : Values();
    Forward got(d, in, with_residual ? in.residual.data() : nullptr);
    const auto expected = reference::batch_norm(d, {}, wide(in.x), wide(in.gamma), wide(in.beta), residual,
                                                wide(in.running_mean), wide(in.running_var));
    EXPECT_LT(error_over_rms(got.y, expected.y), 2e-6);
    EXPECT_LT(error_over_rms(got.running_mean, expected.running_mean), 1e-6);
    EXPECT_LT(error_over_rms(got.running_var, expected.running_var), 1e-6);

    std::vector<float> dx = in.dy, dgamma(in.gamma.size()), dbeta(in.gamma.size()), dresidual(in.x.size());
    // dx in the memory of dy, as the contract allows.
    cpu().batch_norm_backward(d, in.x.data(), activation == Activation::relu ? got.y.data() : nullptr, got.kept_signs(),
                              in.gamma.data(), got.mean.data(), got.inv_std.data(), dx.data(), dx.data(), dgamma.data(),
                              dbeta.data(), with_residual ? dresidual.data() : nullptr);
    const auto gradients =
        reference::batch_norm_backward(d, {}, wide(in.x), wide(in.gamma), wide(in.beta), residual, wide(in.dy));
    EXPECT_LT(error_over_rms(dx, gradients.dx), 5e-6);
    EXPECT_LT(error_over_rms(dgamma, gradients.dgamma), 2e-6);
    EXPECT_LT(error_over_rms(dbeta, gradients.dbeta), 1e-6);
    if (with_residual) {
        EXPECT_LT(error_over_rms(dresidual, gradients.dresidual), 1e-7);
    }
}

TEST(CpuBatchNorm, AgreesWithTheReference) {
    on_each_target([] {
        for (const BatchNormDims& d : kCases)
            for (const bool with_residual : {false, true})
                for (const Activation activation : {Activation::none, Activation::relu})
                    compare(d, with_residual, activation);
    });
}

TEST(CpuBatchNorm, TheSignsSayWhatTheResultsSay) {
    on_each_target([] {
        bool kept = false;
        for (BatchNormDims d : kCases) {
            SCOPED_TRACE(fmt::format("N {} HW {} C {} S {}", d.N, d.HW, d.C, d.S));
            d.activation = Activation::relu;
            Inputs in(d);
            in.x[0] = NAN;  // of the first channel: NaN lets no gradient pass, either way
            Forward got(d, in, in.residual.data());
            if (got.signs.empty()) continue;
            kept = true;
            for (size_t i = 0; i < got.y.size(); ++i) ASSERT_EQ(got.signs[i / 8] >> i % 8 & 1, got.y[i] > 0) << i;
        }
        EXPECT_EQ(kept, cpu().instruction_set() != "SCALAR");
    });
}

TEST(CpuBatchNorm, AResultInPlaceOfAnInputIsTheSame) {
    on_each_target([] {
        for (BatchNormDims d : kCases) {
            SCOPED_TRACE(fmt::format("N {} HW {} C {} S {}", d.N, d.HW, d.C, d.S));
            d.activation = Activation::relu;
            Inputs in(d);
            const Forward apart(d, in, in.residual.data());
            std::vector<float> dx(in.x.size()), dx_in_place = in.x, dgamma(in.gamma.size()), dbeta(in.gamma.size());
            for (std::vector<float>* result : {&dx, &dx_in_place}) {
                const float* x = result == &dx ? in.x.data() : result->data();
                cpu().batch_norm_backward(d, x, apart.y.data(), nullptr, in.gamma.data(), apart.mean.data(),
                                          apart.inv_std.data(), in.dy.data(), result->data(), dgamma.data(),
                                          dbeta.data(), nullptr);
            }
            EXPECT_EQ(dx_in_place, dx);

            std::vector<float> dresidual(in.x.size()), dy = in.dy, dx_beside(in.x.size());
            cpu().batch_norm_backward(d, in.x.data(), apart.y.data(), nullptr, in.gamma.data(), apart.mean.data(),
                                      apart.inv_std.data(), in.dy.data(), dx_beside.data(), dgamma.data(), dbeta.data(),
                                      dresidual.data());
            cpu().batch_norm_backward(d, in.x.data(), apart.y.data(), nullptr, in.gamma.data(), apart.mean.data(),
                                      apart.inv_std.data(), dy.data(), dx.data(), dgamma.data(), dbeta.data(),
                                      dy.data());
            EXPECT_EQ(dy, dresidual);
            EXPECT_EQ(dx, dx_beside);

            std::vector<float> mean = apart.mean, inv_std = apart.inv_std, normalised(in.x.size());
            cpu().batch_norm_inference(d, {}, in.x.data(), in.gamma.data(), in.beta.data(), nullptr,
                                       in.running_mean.data(), in.running_var.data(), nullptr, normalised.data(),
                                       nullptr);
            std::vector<float> y = in.x;
            cpu().batch_norm_inference(d, {}, y.data(), in.gamma.data(), in.beta.data(), nullptr,
                                       in.running_mean.data(), in.running_var.data(), nullptr, y.data(), nullptr);
            EXPECT_EQ(y, normalised);
            cpu().batch_norm_forward(d, {}, in.x.data(), in.gamma.data(), in.beta.data(), in.residual.data(),
                                     in.running_mean.data(), in.running_var.data(), mean.data(), inv_std.data(),
                                     in.x.data(), nullptr);
            EXPECT_EQ(in.x, apart.y);
        }
    });
}

TEST(CpuBatchNorm, KeepsItsDigitsWhenTheMeanIsFarLargerThanTheSpread) {
    const BatchNormDims d{8, 64, 17, 1};
    Inputs in(d);
    for (float& v : in.x) v += 1000.0f;
    const auto expected = reference::batch_norm(d, {}, wide(in.x), wide(in.gamma), wide(in.beta), {},
                                                wide(in.running_mean), wide(in.running_var));
    Values mean(17, 0.0), inv_std(17, 0.0);
    const double rows = static_cast<double>(d.N * d.HW);
    for (size_t i = 0; i < in.x.size(); ++i) mean[i % 17] += in.x[i] / rows;
    for (size_t i = 0; i < in.x.size(); ++i) inv_std[i % 17] += std::pow(in.x[i] - mean[i % 17], 2) / rows;
    for (double& v : inv_std) v = 1 / std::sqrt(v + BatchNormOptions().epsilon);
    on_each_target([&] {
        const Forward got(d, in, nullptr);
        EXPECT_LT(error_over_rms(got.mean, mean), 1e-6);
        EXPECT_LT(error_over_rms(got.inv_std, inv_std), 1e-6);
        EXPECT_LT(error_over_rms(got.y, expected.y), 1e-6);
    });
}

TEST(CpuBatchNorm, InferenceUsesTheRunningStatistics) {
    on_each_target([] {
        for (BatchNormDims d : kCases) {
            SCOPED_TRACE(fmt::format("N {} HW {} C {}", d.N, d.HW, d.C));
            d.activation = Activation::relu;
            const Inputs in(d);
            std::vector<float> y(in.x.size());
            cpu().batch_norm_inference(d, {}, in.x.data(), in.gamma.data(), in.beta.data(), in.residual.data(),
                                       in.running_mean.data(), in.running_var.data(), nullptr, y.data(), nullptr);
            EXPECT_LT(error_over_rms(y, reference::batch_norm_inference(d, {}, wide(in.x), wide(in.gamma),
                                                                        wide(in.beta), wide(in.residual),
                                                                        wide(in.running_mean), wide(in.running_var))),
                      2e-6);
        }
    });
}

TEST(CpuBatchNorm, ANanIsNotHiddenByTheActivation) {
    const std::vector<float> x = {1, 2, NAN, 4}, gamma = {1}, beta = {0}, mean = {0}, var = {1};
    on_each_target([&] {
        std::vector<float> y(4);
        cpu().batch_norm_inference({4, 1, 1, 1, Activation::relu}, {}, x.data(), gamma.data(), beta.data(), nullptr,
                                   mean.data(), var.data(), nullptr, y.data(), nullptr);
        EXPECT_TRUE(std::isnan(y[2]));
    });
}

}  // namespace
}  // namespace moco::testing
