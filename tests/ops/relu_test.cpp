#include "ops/relu.h"

#include <gmock/gmock.h>

#include "tests/reference/elementwise.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase relu_case(const Shape& shape) {
    return {.what = fmt::format("relu of {}", shape),
            .inputs = {{"x", shape}},
            .op = [](const std::vector<Tensor>& in) { return relu(in[0]); },
            .forward = [](const std::vector<Values>& in) { return reference::relu(in[0]); },
            .backward = [](const std::vector<Values>& in,
                           const Values& dy) { return std::vector<Values>{reference::relu_backward(in[0], dy)}; },
            .forward_tolerance = kExact,
            .backward_tolerances = {kExact}};
}

class ReluTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(ReluTest);

TEST(ReluReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(relu_case({3, 7}));
}

TEST_P(ReluTest, AgreesWithTheReference) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{15}, Shape{16}, Shape{17}, Shape{2, 5, 7, 48},
                               Shape{3, 3, 5, 1}, Shape{1, 65, 63, 17}}) {
        expect_agrees(relu_case(shape), GetParam());
        expect_agrees(in_bf16(relu_case(shape), {"x"}), GetParam());
    }
}

TEST_P(ReluTest, AgreesWithPyTorch) {
    expect_golden(relu_case({2, 3, 5, 7}), GetParam(), GoldenPack("ops"), "relu", kGolden);
}

TEST_P(ReluTest, LetsNothingThroughAtZero) {
    Tensor x = Tensor::from_host<float>({-1, -0.0f, 0, 1e-30f, 2}, {5}, backend());
    x.set_requires_grad(true);
    const Tensor y = relu(x);
    EXPECT_THAT(y.to_vector(), ::testing::ElementsAre(0, 0, 0, 1e-30f, 2));
    weighted_sum(y, {1, 2, 3, 4, 5}).backward();
    EXPECT_THAT(x.grad().to_vector(), ::testing::ElementsAre(0, 0, 0, 4, 5));
}

TEST_P(ReluTest, NamesWhatIsWrong) {
    EXPECT_EQ(error_of([&] { relu(Tensor::zeros({2}, DType::i64, backend())); }),
              "relu: x is i64, expected f32 or bf16");
    EXPECT_EQ(error_of([&] { relu(Tensor()); }), "relu: x is undefined, expected an f32 tensor");
}

}  // namespace
}  // namespace moco
