#include "ops/l2_normalize.h"

#include <gmock/gmock.h>

#include "tests/reference/matrices.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase l2_normalize_case(int64_t N, int64_t C, float factor = 1) {
    return {.what = fmt::format("l2_normalize of {}x{} times {}", N, C, factor),
            .inputs = {{"x", {N, C}, factor}},
            .op = [](const std::vector<Tensor>& in) { return l2_normalize(in[0]); },
            .forward = [=](const std::vector<Values>& in) { return reference::l2_normalize(in[0], N, C); },
            .backward =
                [=](const std::vector<Values>& in, const Values& dy) {
                    return std::vector<Values>{reference::l2_normalize_backward(in[0], dy, N, C)};
                },
            .forward_tolerance = sum_of(C),
            .backward_tolerances = {sum_of(C)}};
}

class L2NormalizeTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(L2NormalizeTest);

TEST(L2NormalizeReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(l2_normalize_case(4, 7));
}

TEST_P(L2NormalizeTest, AgreesWithTheReference) {
    for (const auto& [N, C] :
         std::vector<std::array<int64_t, 2>>{{1, 16}, {5, 17}, {16, 15}, {3, 48}, {33, 128}, {2, 3}, {65, 2048}}) {
        expect_agrees(l2_normalize_case(N, C), GetParam());
    }
    for (const float factor : {1e-8f, 1e8f}) expect_agrees(l2_normalize_case(4, 33, factor), GetParam());
}

TEST_P(L2NormalizeTest, ARowOfOneElementHasNoGradient) {
    // (dy - y y dy) / |x| cancels to nothing, up to the rounding of y.
    Tensor x = Tensor::from_host<float>({2, -0.3f}, {2, 1}, backend());
    x.set_requires_grad(true);
    const Tensor y = l2_normalize(x);
    EXPECT_THAT(y.to_vector(), ::testing::ElementsAre(1, -1));
    weighted_sum(y, {1, 1}).backward();
    for (const float value : x.grad().to_vector()) EXPECT_NEAR(value, 0, 4 * 2 * kEpsilon);
}

TEST_P(L2NormalizeTest, AgreesWithPyTorchAlsoForRowsOfZeros) {
    const GoldenPack pack("ops");
    expect_golden(l2_normalize_case(5, 7), GetParam(), pack, "l2_normalize", kGolden);
    expect_golden(l2_normalize_case(2, 7, 0), GetParam(), pack, "l2_normalize_zero", kGolden);
}

TEST_P(L2NormalizeTest, NamesWhatIsWrong) {
    EXPECT_EQ(error_of([&] {
                  l2_normalize(Tensor::zeros({2, 1, 1, 3}, DType::f32, backend()));
              }),
              "l2_normalize: x has 4 dimensions, expected 2 (N,C; x is 2x1x1x3)");
}

}  // namespace
}  // namespace moco
