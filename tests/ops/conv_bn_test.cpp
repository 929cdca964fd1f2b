#include "ops/conv_bn.h"

#include <gmock/gmock.h>

#include "core/autograd.h"
#include "ops/cast.h"
#include "tests/ops/batch_norm_case.h"
#include "tests/reference/conv2d.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

struct ConvBnSize {
    Conv2dDims conv;
    int64_t S = 1;
    Activation activation = Activation::none;
    Residual residual = Residual::without;
    Statistics statistics = Statistics::of_batch;

    BatchNormDims norm() const {
        return {conv.N, conv.OH() * conv.OW(), conv.OC, S, activation, conv.dtype, statistics};
    }
};

/// The reference composed of its parts, as the op says. Inputs: x, weight, gamma, beta and, with one, the residual.
OpCase conv_bn_case(const ConvBnSize& size, std::shared_ptr<RunningStatistics> running = nullptr) {
    const Conv2dDims d = size.conv;
    const OpCase norm = batch_norm_case(size.norm(), size.residual, running);
    const auto after_conv = [d](const std::vector<Values>& in) {  // what batch_norm gets: z, gamma, beta, residual
        std::vector<Values> norm_inputs(in.begin() + 1, in.end());
        norm_inputs[0] = reference::conv2d_forward(d, in[0], in[1]);
        return norm_inputs;
    };
    OpCase result = {
        .what = fmt::format("conv {}x{}x{}x{} with {}x{}x{}, stride {}, then {}", d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW,
                            d.stride, norm.what),
        .inputs = norm.inputs,
        .op =
            [=](const std::vector<Tensor>& in) {
                const RunningStatistics fresh(d.OC, in[0].backend());
                return conv_bn(
                    in[0], in[1], {d.stride, d.pad}, in[2], in[3], running ? running->buffers : fresh.buffers,
                    {.mode = size.statistics == Statistics::given ? BatchNormMode::frozen : BatchNormMode::train,
                     .splits = size.S,
                     .activation = size.activation},
                    size.residual == Residual::with ? in[4] : Tensor());
            },
        .forward = [=](const std::vector<Values>& in) { return norm.forward(after_conv(in)); },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                std::vector<Values> gradients = norm.backward(after_conv(in), dy);
                const Values dz = gradients[0];
                gradients[0] = reference::conv2d_backward_weight(d, in[0], dz);
                gradients.insert(gradients.begin(), reference::conv2d_backward_data(d, dz, in[1]));
                return gradients;
            },
        // The errors of the convolution pass through the normalisation, which scales them as it scales the values.
        .forward_tolerance = norm.forward_tolerance + 2 * sum_of(d.KH * d.KW * d.IC),
        .backward_tolerances = norm.backward_tolerances};
    if (norm.before_relu) {
        result.before_relu = [=](const std::vector<Values>& in) { return norm.before_relu(after_conv(in)); };
    }
    result.inputs[0].shape = {d.N, d.H, d.W, d.IC};
    result.inputs.insert(result.inputs.begin() + 1, {"weight", {d.OC, d.KH, d.KW, d.IC}});
    if (size.residual == Residual::with) result.inputs.back().shape = {d.N, d.OH(), d.OW(), d.OC};
    const double dz_tolerance = norm.backward_tolerances[0] + 2 * sum_of(d.KH * d.KW * d.IC);
    for (double& tolerance : result.backward_tolerances) tolerance += tolerance > 0 ? dz_tolerance : 0;
    result.backward_tolerances[0] = dz_tolerance + sum_of(d.N * d.OH() * d.OW());  // dweight
    result.backward_tolerances.insert(result.backward_tolerances.begin(), dz_tolerance + sum_of(d.KH * d.KW * d.OC));
    return result;
}

class ConvBnTest : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};
MOCO_FOR_EACH_BACKEND(ConvBnTest);

constexpr auto kRelu = Activation::relu;
constexpr auto kNone = Activation::none;

TEST(ConvBnReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(conv_bn_case({{4, 4, 3, 2, 3, 3, 3, 1, 1}, 2, kRelu, Residual::with}));
    expect_difference_quotients(conv_bn_case({{2, 5, 4, 3, 2, 1, 1, 2, 0}}));
    expect_difference_quotients(
        conv_bn_case({{2, 4, 3, 2, 3, 3, 3, 1, 1}, 1, kRelu, Residual::with, Statistics::given}));
}

TEST_P(ConvBnTest, AgreesWithTheReference) {
    for (const ConvBnSize& size : std::vector<ConvBnSize>{
             {{4, 6, 5, 3, 16, 3, 3, 1, 1}, 1, kRelu},
             {{8, 5, 7, 16, 17, 3, 3, 2, 1}, 4, kRelu},
             {{4, 4, 4, 17, 48, 3, 3, 1, 1}, 2, kRelu, Residual::with},
             {{6, 3, 5, 48, 33, 1, 1, 1, 0}, 3, kNone},
             {{4, 7, 6, 32, 15, 1, 1, 2, 0}, 1, kNone, Residual::with},
             {{2, 12, 10, 1, 3, 7, 7, 2, 3}, 1, kRelu},
             {{8, 2, 2, 64, 64, 3, 3, 1, 1}, 4, kRelu, Residual::with},
         }) {
        expect_agrees(conv_bn_case(size), GetParam());
    }
}

TEST_P(ConvBnTest, FrozenAgreesWithTheReference) {
    for (const ConvBnSize& size : std::vector<ConvBnSize>{
             {{4, 6, 5, 3, 16, 3, 3, 1, 1}, 1, kRelu, Residual::without, Statistics::given},
             {{1, 4, 4, 17, 48, 3, 3, 1, 1}, 1, kRelu, Residual::with, Statistics::given},
             {{6, 3, 5, 48, 33, 1, 1, 2, 0}, 1, kNone, Residual::without, Statistics::given},
             {{4, 7, 6, 32, 15, 1, 1, 1, 0}, 1, kNone, Residual::with, Statistics::given},
         }) {
        expect_agrees(conv_bn_case(size), GetParam());
    }
}

TEST_P(ConvBnTest, AgreesWithPyTorch) {
    const GoldenPack pack("ops");
    const auto golden = [&](const std::string& name, const ConvBnSize& size) {
        auto running = std::make_shared<RunningStatistics>(size.conv.OC, backend());
        expect_golden(conv_bn_case(size, running), GetParam(), pack, name, kGolden);
        EXPECT_LE(error_over_rms(running->buffers.running_mean.to_vector(), pack[name + ".running_mean"].values),
                  kGolden);
        EXPECT_LE(error_over_rms(running->buffers.running_var.to_vector(), pack[name + ".running_var"].values),
                  kGolden);
    };
    golden("conv_bn", {{4, 5, 6, 3, 7, 3, 3, 2, 1}, 2, kRelu});
    golden("conv_bn_residual", {{2, 5, 4, 6, 5, 3, 3, 1, 1}, 1, kRelu, Residual::with});
}

TEST_P(ConvBnTest, InEitherModeIsConv2dThenBatchNorm) {
    const NoGrad no_gradient;
    for (const BatchNormMode mode : {BatchNormMode::train, BatchNormMode::eval}) {
        const RunningStatistics one(17, backend()), two(17, backend());
        const Tensor x = formula_tensor({4, 6, 5, 16}, 1, backend()),
                     weight = formula_tensor({17, 3, 3, 16}, 2, backend()), gamma = formula_tensor({17}, 3, backend()),
                     beta = formula_tensor({17}, 4, backend()), residual = formula_tensor({4, 3, 3, 17}, 5, backend());
        const Conv2dOptions conv = {.stride = 2, .pad = 1};
        const BatchNormArgs args = {.mode = mode, .splits = 2, .activation = Activation::relu};
        const Tensor fused = conv_bn(x, weight, conv, gamma, beta, one.buffers, args, residual);
        const Tensor parts = batch_norm(conv2d(x, weight, conv), gamma, beta, two.buffers, args, residual);
        EXPECT_LE(error_over_rms(fused.to_vector(), parts.to_vector()), sum_of(3 * 3 * 16));
        EXPECT_LE(error_over_rms(one.buffers.running_var.to_vector(), two.buffers.running_var.to_vector()),
                  sum_of(3 * 3 * 16));
    }
}

TEST_P(ConvBnTest, InBf16IsItsPartsToTheBit) {
    const auto outcome = [&](bool fused) {
        const RunningStatistics running(17, backend());
        std::vector<Tensor> in = {cast(formula_tensor({4, 6, 5, 16}, 1, backend()), DType::bf16),
                                  formula_tensor({17, 3, 3, 16}, 2, backend()), formula_tensor({17}, 3, backend()),
                                  formula_tensor({17}, 4, backend()),
                                  cast(formula_tensor({4, 3, 3, 17}, 5, backend()), DType::bf16)};
        for (Tensor& input : in) input.set_requires_grad(true);
        const Conv2dOptions conv = {.stride = 2, .pad = 1};
        const BatchNormArgs args = {.splits = 2, .activation = Activation::relu};
        const Tensor y = fused ? conv_bn(in[0], in[1], conv, in[2], in[3], running.buffers, args, in[4])
                               : batch_norm(conv2d(in[0], in[1], conv), in[2], in[3], running.buffers, args, in[4]);
        EXPECT_EQ(y.dtype(), DType::bf16);
        weighted_sum(cast(y, DType::f32), formula_dy(y.count())).backward();
        std::vector<std::vector<float>> all = {floats_of(y), running.buffers.running_var.to_vector()};
        for (const Tensor& input : in) {
            EXPECT_EQ(input.grad().dtype(), input.dtype());
            all.push_back(floats_of(input.grad()));
        }
        return all;
    };
    EXPECT_EQ(outcome(true), outcome(false));
}

TEST_P(ConvBnTest, WithoutGradientsKeepsItsResultOnly) {
    Tensor weight = formula_tensor({32, 3, 3, 16}, 2, backend());
    weight.set_requires_grad(true);
    const Tensor x = formula_tensor({4, 16, 16, 16}, 1, backend()), gamma = formula_tensor({32}, 3, backend());
    const RunningStatistics running(32, backend());
    const auto kept_by = [&] {
        const size_t before = GetParam().bytes_in_use();
        const Tensor y = conv_bn(x, weight, {.pad = 1}, gamma, gamma, running.buffers);
        return std::pair(GetParam().bytes_in_use() - before, y.bytes());
    };
    const auto [kept, y_bytes] = kept_by();
    EXPECT_GE(kept, 2 * y_bytes) << "y and the convolution's result, for backward";
    const NoGrad no_gradient;
    const auto [kept_without, same_bytes] = kept_by();
    EXPECT_LE(kept_without, same_bytes + same_bytes / 8) << "y alone (an allocator may round up by an eighth)";
}

TEST_P(ConvBnTest, ComputesTheSameWhateverIsKept) {
    Tensor weight = formula_tensor({32, 3, 3, 16}, 2, backend());
    weight.set_requires_grad(true);
    const Tensor x = formula_tensor({4, 8, 8, 16}, 1, backend()), gamma = formula_tensor({32}, 3, backend()),
                 residual = formula_tensor({4, 8, 8, 32}, 4, backend());
    const BatchNormArgs args = {.splits = 2, .activation = Activation::relu};
    const auto result = [&] {
        const RunningStatistics running(32, backend());
        const Tensor y = conv_bn(x, weight, {.pad = 1}, gamma, gamma, running.buffers, args, residual);
        return std::pair(y.to_vector(), running.buffers.running_var.to_vector());
    };
    const auto kept = result();
    const NoGrad no_gradient;
    EXPECT_EQ(result(), kept);
}

TEST_P(ConvBnTest, NamesWhatIsWrong) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, backend()); };
    const Tensor x = zeros({2, 4, 4, 3}), c = zeros({5});
    EXPECT_EQ(error_of([&] {
                  conv_bn(x, zeros({5, 3, 3, 4}), {}, c, c, {c, c});
              }),
              "conv_bn: weight expects 4 input channels, x has 3 (x 2x4x4x3 N,H,W,C; weight 5x3x3x4 O,H,W,I)");
    EXPECT_EQ(error_of([&] {
                  conv_bn(x, zeros({5, 3, 3, 3}), {}, c, c, {c, c}, {.splits = 3});
              }),
              "conv_bn: 3 splits do not divide the batch of 2 samples; choose a batch size that is a multiple of the "
              "splits");
    Tensor weight = zeros({5, 3, 3, 3});
    weight.set_requires_grad(true);
    EXPECT_EQ(error_of([&] {
                  conv_bn(x, weight, {}, c, c, {c, c}, {.mode = BatchNormMode::eval});
              }),
              "conv_bn: no gradient goes through eval mode, but an input wants one; wrap the evaluation in NoGrad");
}

}  // namespace
}  // namespace moco
