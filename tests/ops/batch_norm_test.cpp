#include "ops/batch_norm.h"

#include <gmock/gmock.h>

#include "core/autograd.h"
#include "tests/ops/batch_norm_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

class BatchNormTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(BatchNormTest);

const std::vector<BatchNormDims> kSizes = {
    // N, HW, C, S
    {4, 6, 16, 1}, {6, 20, 17, 2}, {8, 4, 15, 4},  {8, 9, 48, 8},   {2, 35, 1, 1},
    {4, 63, 3, 2}, {16, 1, 33, 1}, {64, 1, 64, 4}, {5, 257, 32, 1},
};

TEST(BatchNormReference, GradientIsTheDifferenceQuotient) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
        for (const Residual residual : {Residual::without, Residual::with}) {
            expect_difference_quotients(batch_norm_case({6, 4, 3, 2, activation}, residual));
            expect_difference_quotients(batch_norm_case({3, 5, 2, 1, activation}, residual));
        }
    }
}

TEST_P(BatchNormTest, AgreesWithTheReference) {
    for (BatchNormDims d : kSizes) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            d.activation = activation;
            for (const Residual residual : {Residual::without, Residual::with}) {
                expect_agrees(batch_norm_case(d, residual), GetParam());
                expect_agrees(in_bf16(batch_norm_case(d, residual), {"x", "residual"}), GetParam());
            }
        }
    }
}

TEST_P(BatchNormTest, AMeanFarFromZeroCostsNoMoreThanItsOwnRounding) {
    // A variance computed as E[x^2] - E[x]^2 in f32 would be off by 1e-3 here. What remains is the rounding of the
    // mean, stored as f32: 100 kEpsilon against a deviation of 0.58 shifts every normalised value by up to 1.0e-5, and
    // the gradients with them.
    OpCase far = batch_norm_case({8, 16, 17, 2}, Residual::without);
    far.inputs[0].offset = 100;
    far.forward_tolerance = 2e-5;
    far.backward_tolerances = {2e-5, 2e-5, sum_of(128)};
    expect_agrees(far, GetParam());
}

TEST_P(BatchNormTest, UpdatesTheRunningStatisticsAsTheReferenceDoes) {
    for (const BatchNormDims& d : kSizes) {
        const RunningStatistics running(d.C, backend());
        const std::vector<float> x = formula_values(d.count(), 1), zeros(static_cast<size_t>(d.C));
        const Tensor gamma = Tensor::zeros({d.C}, DType::f32, backend());
        const uint64_t version = running.buffers.running_mean.version();
        for (int step = 0; step < 2; ++step) {
            batch_norm(Tensor::from_host(x, {d.N, 1, d.HW, d.C}, backend()), gamma, gamma, running.buffers,
                       {.splits = d.S});
        }
        const auto expected = [&](const Values& mean, const Values& var) {
            return reference::batch_norm(d, {}, Values(x.begin(), x.end()), Values(zeros.begin(), zeros.end()),
                                         Values(zeros.begin(), zeros.end()), {}, mean, var);
        };
        const reference::BatchNormResult one = expected(running.mean, running.var);
        const reference::BatchNormResult two = expected(one.running_mean, one.running_var);
        EXPECT_LE(error_over_rms(running.buffers.running_mean.to_vector(), two.running_mean), kElementwise);
        EXPECT_LE(error_over_rms(running.buffers.running_var.to_vector(), two.running_var), kElementwise);
        EXPECT_GT(running.buffers.running_mean.version(), version) << "the write was not counted";
    }
}

TEST_P(BatchNormTest, EvaluationUsesTheRunningStatisticsAndLeavesThem) {
    for (BatchNormDims d : kSizes) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
            d.activation = activation;
            const RunningStatistics running(d.C, backend());
            const Shape shape = {d.N, d.HW, 1, d.C};
            const auto values = [](const Tensor& tensor) {
                const std::vector<float> floats = tensor.to_vector();
                return Values(floats.begin(), floats.end());
            };
            const Tensor x = formula_tensor(shape, 1, backend()), gamma = formula_tensor({d.C}, 2, backend()),
                         beta = formula_tensor({d.C}, 3, backend()), residual = formula_tensor(shape, 4, backend());
            const BatchNormArgs args = {.mode = BatchNormMode::eval, .splits = d.S, .activation = activation};
            const std::vector<float> y = batch_norm(x, gamma, beta, running.buffers, args).to_vector();
            const std::vector<float> added = batch_norm(x, gamma, beta, running.buffers, args, residual).to_vector();
            const auto expected = [&](const Values& add) {
                return reference::batch_norm_inference(d, {}, values(x), values(gamma), values(beta), add, running.mean,
                                                       running.var);
            };
            EXPECT_LE(error_over_rms(y, expected({})), kElementwise);
            EXPECT_LE(error_over_rms(added, expected(values(residual))), kElementwise);
            EXPECT_EQ(values(running.buffers.running_mean), running.mean);
            EXPECT_EQ(values(running.buffers.running_var), running.var);
        }
    }
}

TEST_P(BatchNormTest, FrozenTakesTheRunningStatisticsForConstants) {
    for (BatchNormDims d : kSizes) {
        d.S = 1;
        d.statistics = Statistics::given;
        for (const Activation activation : {Activation::none, Activation::relu}) {
            d.activation = activation;
            for (const Residual residual : {Residual::without, Residual::with}) {
                auto running = std::make_shared<RunningStatistics>(d.C, backend());
                expect_agrees(batch_norm_case(d, residual, running), GetParam());
                const std::vector<float> mean = running->buffers.running_mean.to_vector();
                EXPECT_EQ(Values(mean.begin(), mean.end()), running->mean) << "frozen statistics moved";
            }
        }
    }
}

TEST_P(BatchNormTest, AgreesWithPyTorch) {
    const GoldenPack pack("ops");
    const auto golden = [&](const std::string& name, const BatchNormDims& d, Residual residual) {
        auto running = std::make_shared<RunningStatistics>(d.C, backend());
        expect_golden(batch_norm_case(d, residual, running), GetParam(), pack, name, kGolden);
        EXPECT_LE(error_over_rms(running->buffers.running_mean.to_vector(), pack[name + ".running_mean"].values),
                  kGolden);
        EXPECT_LE(error_over_rms(running->buffers.running_var.to_vector(), pack[name + ".running_var"].values),
                  kGolden);
    };
    golden("batch_norm", {4, 15, 6, 1}, Residual::without);
    golden("batch_norm_splits", {8, 6, 6, 4}, Residual::without);
    golden("batch_norm_residual_relu", {6, 6, 5, 2, Activation::relu}, Residual::with);

    const Shape shape = {2, 3, 4, 5};
    const Tensor y =
        batch_norm(formula_tensor(shape, 1, backend()), formula_tensor({5}, 2, backend()),
                   formula_tensor({5}, 3, backend()), RunningStatistics(5, backend()).buffers,
                   {.mode = BatchNormMode::eval, .activation = Activation::relu}, formula_tensor(shape, 4, backend()));
    EXPECT_LE(error_over_rms(y.to_vector(), pack["batch_norm_eval.y"].values), kGolden);
}

TEST_P(BatchNormTest, SplitsInterleave) {
    // Samples 0, 2 and samples 1, 3 are normalised apart: each pair becomes -1, 1.
    const Tensor x = Tensor::from_host<float>({0, 100, 2, 500}, {4, 1}, backend());
    const RunningStatistics running(1, backend());
    const Tensor y = batch_norm(x, Tensor::full({1}, 1, backend()), Tensor::zeros({1}, DType::f32, backend()),
                                running.buffers, {.splits = 2});
    EXPECT_THAT(y.to_vector(), ::testing::Pointwise(::testing::FloatNear(1e-5f), {-1, -1, 1, 1}));
}

TEST_P(BatchNormTest, NamesWhatIsWrong) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, backend()); };
    const Tensor x = zeros({6, 2, 2, 3}), c = zeros({3}), wrong = zeros({4});
    const auto error = [&](const Tensor& gamma, BatchNormArgs args, const Tensor& residual = {},
                           const Tensor& running_var = {}) {
        return error_of([&] {
            batch_norm(x, gamma, c, {.running_mean = c, .running_var = running_var.defined() ? running_var : c}, args,
                       residual);
        });
    };
    EXPECT_EQ(error(wrong, {}), "batch_norm: gamma has 4 channels, x has 3 (x 6x2x2x3 N,H,W,C; gamma 4 C)");
    EXPECT_EQ(error(c, {}, {}, wrong),
              "batch_norm: running_var has 4 channels, x has 3 (x 6x2x2x3 N,H,W,C; running_var 4 C)");
    EXPECT_EQ(error(c, {}, zeros({6, 2, 3, 3})),
              "batch_norm: x and residual must have the same shape (x 6x2x2x3 N,H,W,C; residual 6x2x3x3 N,H,W,C)");
    EXPECT_EQ(
        error(c, {.splits = 4}),
        "batch_norm: 4 splits do not divide the batch of 6 samples; choose a batch size that is a multiple of the "
        "splits");
    EXPECT_EQ(error_of([&] {
                  batch_norm(zeros({6, 3}), c, c, {c, c}, {.splits = 6});
              }),
              "batch_norm: each of 6 splits has 1 values a channel, statistics need at least 2 (x holds 6 samples of 1 "
              "positions); use fewer splits, a larger batch or larger images");
    Tensor wants = zeros({3});
    wants.set_requires_grad(true);
    EXPECT_EQ(error(wants, {.mode = BatchNormMode::eval}),
              "batch_norm: no gradient goes through eval mode, but an input wants one; wrap the evaluation in NoGrad");
    const NoGrad no_gradient;
    EXPECT_FALSE(batch_norm(x, wants, c, {c, c}, {.mode = BatchNormMode::eval}).requires_grad());
}

}  // namespace
}  // namespace moco
