#include "ops/linear.h"

#include <gmock/gmock.h>

#include "tests/reference/matrices.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

enum class Bias { with, without };

OpCase linear_case(int64_t N, int64_t IN, int64_t OUT, Bias bias = Bias::with) {
    const bool biased = bias == Bias::with;
    OpCase result = {
        .what = fmt::format("linear of {}x{} to {}{}", N, IN, OUT, biased ? "" : ", no bias"),
        .inputs = {{"x", {N, IN}}, {"weight", {OUT, IN}}, {"bias", {OUT}}},
        .op =
            [=](const std::vector<Tensor>& in) { return biased ? linear(in[0], in[1], in[2]) : linear(in[0], in[1]); },
        .forward =
            [=](const std::vector<Values>& in) {
                return reference::linear(in[0], in[1], biased ? in[2] : Values(), N, IN, OUT);
            },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                auto gradients = reference::linear_backward(in[0], in[1], biased ? in[2] : Values(), dy, N, IN, OUT);
                if (!biased) gradients.pop_back();
                return gradients;
            },
        .forward_tolerance = sum_of(IN),
        .backward_tolerances = {sum_of(OUT), sum_of(N), sum_of(N)}};
    if (!biased) result.inputs.pop_back();
    return result;
}

class LinearTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(LinearTest);

TEST(LinearReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(linear_case(3, 4, 5));
    expect_difference_quotients(linear_case(3, 4, 5, Bias::without));
}

TEST_P(LinearTest, AgreesWithTheReference) {
    for (const auto& [N, IN, OUT] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {14, 128, 32}, {8, 512, 128}, {13, 17, 31}, {15, 33, 33}, {3, 48, 1}, {64, 64, 128}}) {
        expect_agrees(linear_case(N, IN, OUT), GetParam());
        expect_agrees(linear_case(N, IN, OUT, Bias::without), GetParam());
    }
}

TEST_P(LinearTest, AgreesWithPyTorch) {
    expect_golden(linear_case(5, 7, 6), GetParam(), GoldenPack("ops"), "linear", kGolden);
}

TEST_P(LinearTest, NamesWhatIsWrong) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, backend()); };
    const auto error = [&](const Shape& weight, const Tensor& bias = {}) {
        return error_of([&] { linear(zeros({2, 5}), zeros(weight), bias); });
    };
    EXPECT_EQ(error({4, 3}), "linear: weight expects 3 features, x has 5 (x 2x5 N,IN; weight 4x3 OUT,IN)");
    EXPECT_EQ(error({4, 5}, zeros({5})), "linear: bias has 5 values, weight gives 4 (bias 5 OUT; weight 4x5 OUT,IN)");
    EXPECT_EQ(error({4, 5}, zeros({1, 4})), "linear: bias has 2 dimensions, expected 1 (OUT; bias is 1x4)");
}

}  // namespace
}  // namespace moco
