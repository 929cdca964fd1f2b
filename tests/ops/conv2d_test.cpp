#include "ops/conv2d.h"

#include <gmock/gmock.h>

#include "tests/reference/conv2d.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

/// `at_least`: a bound for algorithms that are less accurate than a sum of products.
OpCase conv2d_case(const Conv2dDims& d, double at_least = 0) {
    const auto tolerance = [&](int64_t n) { return std::max(sum_of(n), at_least); };
    return {.what = fmt::format("conv2d of {}x{}x{}x{} with {}x{}x{}x{}, stride {}, pad {}", d.N, d.H, d.W, d.IC, d.OC,
                                d.KH, d.KW, d.IC, d.stride, d.pad),
            .inputs = {{"x", {d.N, d.H, d.W, d.IC}}, {"weight", {d.OC, d.KH, d.KW, d.IC}}},
            .op =
                [=](const std::vector<Tensor>& in) {
                    return conv2d(in[0], in[1], {d.stride, d.pad});
                },
            .forward = [=](const std::vector<Values>& in) { return reference::conv2d_forward(d, in[0], in[1]); },
            .backward =
                [=](const std::vector<Values>& in, const Values& dy) {
                    return std::vector<Values>{reference::conv2d_backward_data(d, dy, in[1]),
                                               reference::conv2d_backward_weight(d, in[0], dy)};
                },
            .forward_tolerance = tolerance(d.KH * d.KW * d.IC),
            .backward_tolerances = {tolerance(d.KH * d.KW * d.OC), tolerance(d.N * d.OH() * d.OW())}};
}

/// Backend tests run with direct convolution unless they say otherwise.
class Conv2dTest : public EachBackend {
  protected:
    void SetUp() override { backend().set_conv_algorithm(ConvAlgorithm::direct); }
    void TearDown() override { backend().set_conv_algorithm(ConvAlgorithm::auto_select); }
};
MOCO_FOR_EACH_BACKEND(Conv2dTest);

TEST(Conv2dReference, GradientIsTheDifferenceQuotient) {
    for (const Conv2dDims& d : std::vector<Conv2dDims>{{2, 5, 4, 3, 2, 3, 3, 1, 1},
                                                       {1, 6, 5, 2, 3, 3, 3, 2, 1},
                                                       {1, 7, 6, 1, 2, 2, 3, 3, 2},
                                                       {2, 3, 4, 3, 4, 1, 1, 2, 0}}) {
        expect_difference_quotients(conv2d_case(d));
    }
}

TEST_P(Conv2dTest, AgreesWithTheReference) {
    // N, H, W, IC, OC, KH, KW, stride, pad
    for (const Conv2dDims& d : std::vector<Conv2dDims>{{2, 5, 7, 1, 3, 3, 3, 1, 1},
                                                       {1, 8, 6, 3, 16, 7, 7, 2, 3},
                                                       {2, 9, 6, 16, 17, 3, 3, 2, 1},
                                                       {2, 7, 5, 17, 48, 3, 3, 1, 1},
                                                       {2, 6, 9, 48, 33, 1, 1, 1, 0},
                                                       {3, 7, 9, 48, 17, 1, 1, 2, 0},
                                                       {1, 1, 1, 17, 3, 1, 1, 1, 0},
                                                       {2, 12, 16, 32, 32, 3, 3, 1, 1},
                                                       {4, 4, 4, 31, 64, 3, 3, 1, 1},
                                                       {5, 2, 2, 15, 16, 3, 3, 1, 1},
                                                       {1, 5, 6, 3, 5, 2, 3, 1, 1},
                                                       {1, 6, 5, 4, 4, 5, 5, 1, 2},
                                                       {2, 10, 13, 17, 3, 5, 5, 3, 0},
                                                       {1, 4, 5, 8, 8, 3, 3, 1, 2}}) {
        expect_agrees(conv2d_case(d), GetParam());
        // A bf16 convolution of this form may be Winograd's, whose transformed values are rounded to bf16 as well (the
        // bound of tests/cpu/conv2d_bf16_test.cpp; measured here: 0.07).
        const bool like_winograd = d.KH == 3 && d.KW == 3 && d.stride == 1;
        OpCase narrow = in_bf16(conv2d_case(d, like_winograd ? 0.1 : 0), {"x"});
        if (GetParam().rounds_bf16_weight_gradients) narrow.backward_tolerances[1] += kStoredAsBf16;
        expect_agrees(narrow, GetParam());
    }
}

// Winograd adds and subtracts inputs before it multiplies and products after; the cases below err by up to 5.5e-6 with
// it (measured on AVX-512) where direct convolution stays below 2.6e-6.
constexpr double kWinograd = 1e-5;

TEST_P(Conv2dTest, AgreesWithTheReferenceByEveryAlgorithm) {
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::auto_select, ConvAlgorithm::winograd}) {
        backend().set_conv_algorithm(algorithm);
        for (const Conv2dDims& d : std::vector<Conv2dDims>{{2, 12, 16, 32, 32, 3, 3, 1, 1},
                                                           {1, 7, 9, 48, 64, 3, 3, 1, 1},
                                                           {3, 8, 8, 17, 16, 3, 3, 2, 1},
                                                           {2, 9, 5, 16, 48, 1, 1, 1, 0}}) {
            expect_agrees(conv2d_case(d, kWinograd), GetParam());
        }
    }
}

TEST_P(Conv2dTest, AgreesWithPyTorch) {
    const GoldenPack pack("ops");
    expect_golden(conv2d_case({2, 7, 6, 3, 8, 3, 3, 1, 1}), GetParam(), pack, "conv2d_3x3", kGolden);
    expect_golden(conv2d_case({2, 7, 6, 5, 4, 3, 3, 2, 1}), GetParam(), pack, "conv2d_3x3_stride2", kGolden);
    expect_golden(conv2d_case({1, 11, 9, 3, 4, 7, 7, 2, 3}), GetParam(), pack, "conv2d_7x7_stride2", kGolden);
    expect_golden(conv2d_case({2, 5, 4, 6, 7, 1, 1, 2, 0}), GetParam(), pack, "conv2d_1x1_stride2", kGolden);
}

TEST_P(Conv2dTest, NamesWhatIsWrong) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, backend()); };
    const auto error = [&](const Tensor& x, const Tensor& weight, Conv2dOptions options = {}) {
        return error_of([&] { conv2d(x, weight, options); });
    };
    const Tensor x = zeros({2, 3, 8, 4}), weight = zeros({4, 3, 3, 4});
    EXPECT_EQ(error(zeros({128, 16, 16, 32}), zeros({64, 3, 3, 64})),
              "conv2d: weight expects 64 input channels, x has 32 (x 128x16x16x32 N,H,W,C; weight 64x3x3x64 O,H,W,I)");
    EXPECT_EQ(error(x, zeros({4, 7, 7, 4}), {.pad = 1}),
              "conv2d: the kernel 7x7 is larger than x padded by 1 (x 2x3x8x4 N,H,W,C; weight 4x7x7x4 O,H,W,I); use "
              "larger images or more padding");
    EXPECT_EQ(error(x, weight, {.stride = 0, .pad = 1}),
              "conv2d: stride 0 and pad 1, expected stride >= 1 and pad >= 0");
    EXPECT_EQ(error(zeros({2, 8, 8, 4}), weight, {.stride = 1, .pad = -1}),
              "conv2d: stride 1 and pad -1, expected stride >= 1 and pad >= 0");
    EXPECT_EQ(error(zeros({3, 8, 4}), weight), "conv2d: x has 3 dimensions, expected 4 (N,H,W,C; x is 3x8x4)");
    EXPECT_EQ(error(x, zeros({4, 0, 3, 4})), "conv2d: weight is empty (weight 4x0x3x4 O,H,W,I)");
    EXPECT_EQ(error(Tensor(), weight), "conv2d: x is undefined, expected an f32 tensor");
    EXPECT_EQ(error(x, Tensor::zeros({4, 3, 3, 4}, DType::u8, backend())), "conv2d: weight is u8, expected f32");
}

}  // namespace
}  // namespace moco
