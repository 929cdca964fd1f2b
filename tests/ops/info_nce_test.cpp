// The fused InfoNCE and the literal one, against the reference, PyTorch and each other.
#include "ops/info_nce.h"

#include <gmock/gmock.h>

#include <cmath>

#include "ops/info_nce_literal.h"
#include "ops/l2_normalize.h"
#include "tests/reference/losses.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

using InfoNce = Loss (*)(const Tensor& q, const Tensor& k, const Tensor& queue, float T);

/// Makes uniform rows about unit length.
float unit_factor(int64_t C) {
    return std::sqrt(3.0f / static_cast<float>(C));
}

Tensor queue_of(const InfoNceDims& d, Backend& backend) {
    return formula_tensor({d.K, d.C}, 50, backend, unit_factor(d.C));
}

/// A logit is a dot product of two rows of length 1, over T: of size 1 / sqrt(C) where they are unrelated. Its rounding
/// becomes the relative error of a probability, and the error of the loss.
double logit_error_of(const InfoNceDims& d) {
    return (sum_of(d.C) / std::sqrt(static_cast<double>(d.C)) + 4 * kEpsilon) / d.T;
}

OpCase info_nce_case(const InfoNceDims& d, InfoNce op) {
    const std::vector<float> queue_values = queue_of(d, cpu()).to_vector();
    const Values queue(queue_values.begin(), queue_values.end());
    const double logit_error = logit_error_of(d);
    return {
        .what = fmt::format("{} of N {}, C {}, K {}, T {}", op == info_nce ? "info_nce" : "info_nce_literal", d.N, d.C,
                            d.K, d.T),
        .inputs = {{"q", {d.N, d.C}, unit_factor(d.C)}, {"k", {d.N, d.C}, unit_factor(d.C)}},
        .op = [=](const std::vector<Tensor>& in) { return op(in[0], in[1], queue_of(d, in[0].backend()), d.T).value; },
        .forward =
            [=](const std::vector<Values>& in) { return Values{reference::info_nce(d, in[0], in[1], queue).value}; },
        .backward =
            [=](const std::vector<Values>& in, const Values& dy) {
                auto [dq, dk, dqueue] = reference::info_nce_backward(d, in[0], in[1], queue, dy[0]);
                return std::vector<Values>{dq, dk};
            },
        .forward_tolerance = logit_error,
        .backward_tolerances = {logit_error, logit_error}};
}

const std::vector<InfoNceDims> kSizes = {
    // N, C, K, T
    {1, 16, 1, 0.2f},     {4, 17, 3, 0.07f},     {16, 15, 64, 0.1f}, {15, 48, 63, 0.2f}, {17, 32, 65, 1.0f},
    {33, 128, 300, 0.1f}, {8, 128, 2049, 0.07f}, {2, 3, 1000, 0.2f}, {65, 1, 17, 0.5f},
};

class InfoNceTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(InfoNceTest);

TEST(InfoNceReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(info_nce_case({3, 5, 7, 0.2f}, info_nce));
    expect_difference_quotients(info_nce_case({2, 4, 1, 0.07f}, info_nce));
}

TEST_P(InfoNceTest, FusedAgreesWithTheReference) {
    for (const InfoNceDims& d : kSizes) expect_agrees(info_nce_case(d, info_nce), GetParam());
}

TEST_P(InfoNceTest, LiteralAgreesWithTheReference) {
    for (const InfoNceDims& d : kSizes) expect_agrees(info_nce_case(d, info_nce_literal), GetParam());
}

TEST_P(InfoNceTest, BothAgreeWithPyTorch) {
    const GoldenPack pack("ops");
    for (const InfoNce op : {info_nce, info_nce_literal}) {
        expect_golden(info_nce_case({6, 16, 40, 0.2f}, op), GetParam(), pack, "info_nce", kGolden);
        expect_golden(info_nce_case({5, 16, 33, 0.07f}, op), GetParam(), pack, "info_nce_cold", kGolden);
    }
}

/// Value, correct, dq and dk of unit rows whose positives are the queries plus `noise`.
struct Outcome {
    float value, correct;
    std::vector<float> dq, dk;
};

Outcome outcome_of(InfoNce op, const InfoNceDims& d, float noise, Backend& backend) {
    std::vector<float> positive = formula_values(d.N * d.C, 1);
    const std::vector<float> other = formula_values(d.N * d.C, 2);
    for (size_t i = 0; i < positive.size(); ++i) positive[i] += noise * other[i];
    Tensor q = l2_normalize(formula_tensor({d.N, d.C}, 1, backend));
    Tensor k = l2_normalize(Tensor::from_host(positive, {d.N, d.C}, backend));
    q.set_requires_grad(true);
    k.set_requires_grad(true);
    Loss loss = op(q, k, l2_normalize(formula_tensor({d.K, d.C}, 50, backend)), d.T);
    loss.value.backward();
    return {loss.value.item(), loss.correct.item(), q.grad().to_vector(), k.grad().to_vector()};
}

TEST_P(InfoNceTest, FusedEqualsLiteral) {
    for (const InfoNceDims& d : kSizes) {
        for (const float noise : {0.0f, 1.0f, 10.0f}) {
            SCOPED_TRACE(fmt::format("N {}, C {}, K {}, T {}, noise {}", d.N, d.C, d.K, d.T, noise));
            const Outcome fused = outcome_of(info_nce, d, noise, backend());
            const Outcome literal = outcome_of(info_nce_literal, d, noise, backend());
            // Where the positive wins by far, loss and gradient are small differences of numbers of size 1 / T and 1:
            // they are compared on the scale that they have where it does not win.
            const double tolerance = 2 * logit_error_of(d);
            EXPECT_NEAR(fused.value, literal.value, tolerance);
            EXPECT_EQ(fused.correct, literal.correct);
            const double scale = 1 / (static_cast<double>(d.N) * d.T * std::sqrt(static_cast<double>(d.C)));
            for (size_t i = 0; i < fused.dq.size(); ++i) {
                ASSERT_NEAR(fused.dq[i], literal.dq[i], tolerance * scale);
                ASSERT_NEAR(fused.dk[i], literal.dk[i], tolerance * scale);
            }
        }
    }
}

TEST_P(InfoNceTest, CountsStrictlyLargestPositives) {
    const std::vector<float> e0 = {1, 0, 0}, e1 = {0, 1, 0};
    std::vector<float> q, k;
    for (const auto& [query, key] : {std::pair(e0, e0), std::pair(e0, e1), std::pair(e1, e1), std::pair(e1, e0)}) {
        q.insert(q.end(), query.begin(), query.end());
        k.insert(k.end(), key.begin(), key.end());
    }
    const Tensor queue = Tensor::from_host<float>({0, 1, 0, 0, 0, 1}, {2, 3}, backend());  // e1, e2
    for (const InfoNce op : {info_nce, info_nce_literal}) {
        // e0 . e0 = 1 beats 0; e0 . e1 = 0 ties; e1 . e1 = 1 ties with the queue's e1; e1 . e0 = 0 loses.
        const Loss loss =
            op(Tensor::from_host(q, {4, 3}, backend()), Tensor::from_host(k, {4, 3}, backend()), queue, 0.2f);
        EXPECT_EQ(loss.correct.item(), 1);
        EXPECT_FALSE(loss.correct.requires_grad());
        EXPECT_EQ(loss.value.shape(), Shape{});
    }
}

TEST_P(InfoNceTest, AVeryColdTemperatureStaysFinite) {
    const InfoNceDims d = {8, 16, 100, 0.002f};  // logits of +-500: exp overflows without the maximum subtracted
    for (const float noise : {0.0f, 10.0f}) {
        for (const InfoNce op : {info_nce, info_nce_literal}) {
            const Outcome outcome = outcome_of(op, d, noise, backend());
            EXPECT_TRUE(std::isfinite(outcome.value));
            for (const float value : outcome.dq) ASSERT_TRUE(std::isfinite(value));
        }
    }
}

TEST_P(InfoNceTest, AnIdenticalQueueIsAtChanceLevel) {
    // Every logit is equal, so the loss is ln(1 + K) (moco-semantics: "chance level") and the gradient on q cancels.
    const int64_t N = 5, C = 16, K = 4096;
    const std::vector<float> row = formula_values(C, 1);
    const auto repeated = [&](int64_t rows) {
        std::vector<float> values;
        for (int64_t r = 0; r < rows; ++r) values.insert(values.end(), row.begin(), row.end());
        return Tensor::from_host(values, {rows, C}, backend());
    };
    EXPECT_NEAR(info_nce(repeated(N), repeated(N), repeated(K), 0.2f).value.item(), std::log(1.0 + K), 1e-5 * 8.3);
}

TEST_P(InfoNceTest, NamesWhatIsWrong) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, backend()); };
    const Tensor q = zeros({4, 3}), queue = zeros({8, 3});
    EXPECT_EQ(error_of([&] {
                  info_nce(q, zeros({5, 3}), queue, 1);
              }),
              "info_nce: q and k must have the same shape (q 4x3 N,C; k 5x3 N,C)");
    EXPECT_EQ(error_of([&] {
                  info_nce(q, q, zeros({3, 8}), 1);
              }),
              "info_nce: the queue's keys have 8 dimensions, the queries 3 (q 4x3 N,C; queue 3x8 K,C)");
    EXPECT_EQ(error_of([&] { info_nce(q, q, zeros({0, 3}), 1); }), "info_nce: queue is empty (queue 0x3 K,C)");
    EXPECT_EQ(error_of([&] { info_nce(q, q, queue, 0); }), "info_nce: temperature T = 0, expected more than 0");
    EXPECT_EQ(error_of([&] { info_nce_literal(q, q, queue, -1); }),
              "info_nce_literal: temperature T = -1, expected more than 0");
    Tensor wants = zeros({8, 3});
    wants.set_requires_grad(true);
    EXPECT_EQ(error_of([&] { info_nce(q, q, wants, 1); }),
              "info_nce: the queue takes no gradient; detach it, or use info_nce_literal");
}

}  // namespace
}  // namespace moco
