#include "ops/cross_entropy.h"

#include <gmock/gmock.h>

#include "tests/reference/losses.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

std::vector<int64_t> targets_of(int64_t rows, int64_t columns) {
    std::vector<int64_t> targets;
    for (int64_t r = 0; r < rows; ++r) targets.push_back(r * 5 % columns);
    return targets;
}

OpCase cross_entropy_case(int64_t N, int64_t C, float factor, float smoothing = 0) {
    const std::vector<int64_t> targets = targets_of(N, C);
    return {
        .what = fmt::format("cross_entropy of {}x{} times {}, smoothing {}", N, C, factor, smoothing),
        .inputs = {{"logits", {N, C}, factor}},
        .op =
            [=](const std::vector<Tensor>& in) {
                return cross_entropy(in[0], Tensor::from_host(targets, {N}, in[0].backend()), {smoothing}).value;
            },
        .forward =
            [=](const std::vector<Values>& in) {
                return Values{reference::cross_entropy({N, C, smoothing}, in[0], targets).value};
            },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                return std::vector<Values>{reference::cross_entropy_backward({N, C, smoothing}, in[0], targets, dy[0])};
            },
        .forward_tolerance = sum_of(N),
        // A probability is the exponential of a difference of about `factor`, whose rounding becomes its relative
        // error.
        .backward_tolerances = {sum_of(C) + 8 * factor * kEpsilon}};
}

class CrossEntropyTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(CrossEntropyTest);

TEST(CrossEntropyReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(cross_entropy_case(3, 7, 4));
    expect_difference_quotients(cross_entropy_case(3, 7, 4, 0.1f));
}

TEST_P(CrossEntropyTest, AgreesWithTheReference) {
    for (const auto& [N, C] :
         std::vector<std::array<int64_t, 2>>{{1, 2}, {3, 16}, {16, 17}, {17, 15}, {33, 1000}, {4, 4097}}) {
        expect_agrees(cross_entropy_case(N, C, 1), GetParam());
        // Logits as far apart as InfoNCE's at T = 0.07. (Of two classes alone one would be certain, and the gradient
        // the rounding of its probability.)
        if (C > 2) expect_agrees(cross_entropy_case(N, C, 14), GetParam());
        expect_agrees(cross_entropy_case(N, C, 1, 0.1f), GetParam());
        expect_agrees(cross_entropy_case(N, C, 3, 0.75f), GetParam());
    }
}

TEST_P(CrossEntropyTest, OneClassIsCertain) {
    Tensor logits = formula_tensor({5, 1}, 1, backend(), 10);
    logits.set_requires_grad(true);
    Loss loss = cross_entropy(logits, Tensor::zeros({5}, DType::i64, backend()));
    EXPECT_EQ(loss.value.item(), 0);
    EXPECT_EQ(loss.correct.item(), 5);
    loss.value.backward();
    EXPECT_THAT(logits.grad().to_vector(), ::testing::Each(0));
}

TEST_P(CrossEntropyTest, CountsStrictMaximaAtTheTarget) {
    const Tensor logits = Tensor::from_host<float>(
        {
            1, 2, 2,    // a tie: wrong
            3, 1, 2,    // right
            0, 5, 4,    // wrong
            7, 7, 7,    // a tie: wrong
            -3, -2, -1  // right
        },
        {5, 3}, backend());
    const Tensor targets = Tensor::from_host<int64_t>({1, 0, 2, 0, 2}, {5}, backend());
    const Loss loss = cross_entropy(logits, targets);
    EXPECT_EQ(loss.correct.item(), 2);
    EXPECT_FALSE(loss.correct.requires_grad());
    EXPECT_EQ(loss.value.shape(), Shape{});
    EXPECT_EQ(loss.correct.shape(), Shape{});
}

TEST_P(CrossEntropyTest, LargeLogitsNeitherOverflowNorVanish) {
    Tensor logits = Tensor::from_host<float>({1e4f, -1e4f, 0, 1e4f, -1e4f, 0}, {2, 3}, backend());
    logits.set_requires_grad(true);
    Loss loss = cross_entropy(logits, Tensor::from_host<int64_t>({0, 1}, {2}, backend()));
    EXPECT_FLOAT_EQ(loss.value.item(), 1e4f);  // (0 + 2e4) / 2
    loss.value.backward();
    EXPECT_THAT(logits.grad().to_vector(), ::testing::ElementsAre(0, 0, 0, 0.5f, -0.5f, 0));
}

TEST_P(CrossEntropyTest, AgreesWithPyTorch) {
    expect_golden(cross_entropy_case(6, 9, 5), GetParam(), GoldenPack("ops"), "cross_entropy", kGolden);
}

TEST_P(CrossEntropyTest, NamesWhatIsWrong) {
    const Tensor logits = Tensor::zeros({4, 3}, DType::f32, backend());
    const auto targets = [&](const Shape& shape) { return Tensor::zeros(shape, DType::i64, backend()); };
    EXPECT_EQ(error_of([&] { cross_entropy(logits, targets({5})); }),
              "cross_entropy: 5 targets for 4 rows of logits (logits 4x3 N,C; targets 5 N)");
    EXPECT_EQ(error_of([&] { cross_entropy(logits, logits); }), "cross_entropy: targets is f32, expected i64");
    EXPECT_EQ(error_of([&] {
                  cross_entropy(logits, targets({4, 1}));
              }),
              "cross_entropy: targets has 2 dimensions, expected 1 (targets is 4x1)");
    EXPECT_EQ(error_of([&] {
                  cross_entropy(Tensor::zeros({0, 3}, DType::f32, backend()), targets({0}));
              }),
              "cross_entropy: logits is empty (logits 0x3 N,C)");
    EXPECT_EQ(error_of([&] { cross_entropy(logits, targets({4}), {1}); }),
              "cross_entropy: label smoothing is 1, expected 0 <= it < 1");
}

}  // namespace
}  // namespace moco
