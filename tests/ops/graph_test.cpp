// The ops in graphs: what is shared, saved, skipped and freed. tests/core/autograd_test.cpp proves the engine alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/autograd.h"
#include "ops/add.h"
#include "ops/concat_columns.h"
#include "ops/conv2d.h"
#include "ops/conv_bn.h"
#include "ops/cross_entropy.h"
#include "ops/global_avg_pool.h"
#include "ops/info_nce.h"
#include "ops/info_nce_literal.h"
#include "ops/l2_normalize.h"
#include "ops/linear.h"
#include "ops/matmul.h"
#include "ops/max_pool.h"
#include "ops/relu.h"
#include "ops/row_dot.h"
#include "ops/scale.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class GraphTest : public EachBackend {
  protected:
    Tensor leaf(const Shape& shape, uint32_t salt) const {
        Tensor x = formula_tensor(shape, salt, backend());
        x.set_requires_grad(true);
        return x;
    }
    Tensor constant(const Shape& shape, float value) const {
        return value == 0 ? Tensor::zeros(shape, DType::f32, backend()) : Tensor::full(shape, value, backend());
    }
};
MOCO_FOR_EACH_BACKEND(GraphTest);

TEST_P(GraphTest, AnInputUsedTwiceInOneOpGetsBothGradients) {
    const int64_t N = 3, C = 17;
    Tensor x = leaf({N, C}, 1);
    weighted_sum(row_dot(x, x), {1, 1, 1}).backward();  // d(x.x) = 2 x
    EXPECT_LE(error_over_rms(x.grad().to_vector(), scale(x.detached(), 2).to_vector()), kElementwise);

    Tensor y = leaf({N, C}, 1);
    const std::vector<float> dy = formula_dy(N * C);
    weighted_sum(add(y, y), dy).backward();
    const std::vector<float> twice = scale(Tensor::from_host(dy, {N, C}, backend()), 2).to_vector();
    EXPECT_EQ(y.grad().to_vector(), twice);
}

TEST_P(GraphTest, ADiamondAddsItsPathsAndLeavesSharedGradientsAlone) {
    // y = 2x + relu(3x) + x, where add hands one gradient tensor to both of its inputs.
    Tensor x = Tensor::from_host<float>({-1, 2}, {2}, backend());
    x.set_requires_grad(true);
    const Tensor middle = scale(x, 3);
    const Tensor y = add(add(scale(x, 2), relu(middle)), x);
    Tensor both = add(y, middle);  // + 3x
    weighted_sum(both, {1, 10}).backward();
    EXPECT_THAT(x.grad().to_vector(), ::testing::ElementsAre(6, 90));
}

TEST_P(GraphTest, AWeightSharedByTwoPassesGetsTheSumOfBoth) {
    // The symmetric loss runs the encoder twice before one backward.
    const Tensor a = formula_tensor({4, 5}, 1, backend()), b = formula_tensor({4, 5}, 2, backend());
    const std::vector<float> dy = formula_dy(4 * 3);
    const auto gradient_of = [&](const std::vector<Tensor>& inputs) {
        Tensor weight = leaf({3, 5}, 3);
        Tensor total = constant({}, 0);
        for (const Tensor& input : inputs) total = add(total, weighted_sum(linear(input, weight), dy));
        total.backward();
        return weight.grad();
    };
    EXPECT_EQ(gradient_of({a, b}).to_vector(), add(gradient_of({a}), gradient_of({b})).to_vector());
}

TEST_P(GraphTest, ABranchThatTheLossDoesNotReachGetsNoGradient) {
    Tensor x = leaf({2, 3}, 1), unused = leaf({3, 3}, 2);
    const Tensor side = matmul(x, unused);
    weighted_sum(relu(x), formula_dy(6)).backward();
    EXPECT_TRUE(x.grad().defined());
    EXPECT_FALSE(unused.grad().defined());
}

TEST_P(GraphTest, AnUndefinedGradientEndsItsPath) {
    Tensor x = leaf({2}, 1), w = leaf({2}, 2);
    const Tensor y = relu(x);
    Tensor loss = record(constant({}, 1), {y, w}, [](const Tensor& dy) {
        return Gradients{Tensor(), Tensor::full({2}, dy.item(), dy.backend())};
    });
    loss.backward();
    EXPECT_FALSE(x.grad().defined());
    EXPECT_THAT(w.grad().to_vector(), ::testing::ElementsAre(1, 1));
}

TEST_P(GraphTest, KeysMadeWithoutGradientsTakeNone) {
    Tensor weight = leaf({8, 4}, 1);
    const Tensor x = formula_tensor({3, 4}, 2, backend());
    const Tensor q = l2_normalize(linear(x, weight));
    Tensor k;
    {
        const NoGrad no_gradient_to_keys;
        k = l2_normalize(linear(x, weight));
    }
    EXPECT_FALSE(k.requires_grad());
    Loss loss = info_nce(q, k, formula_tensor({16, 8}, 3, backend()), 0.2f);
    loss.value.backward();
    EXPECT_TRUE(weight.grad().defined());
    EXPECT_FALSE(k.grad().defined());
}

// ---- what is saved ----

/// Every op with a saved input: changing that input before backward must be noticed.
TEST_P(GraphTest, ChangingWhatAnOpSavedFailsLoudly) {
    const Tensor images = formula_tensor({4, 4, 4, 3}, 4, backend());
    const BatchNormBuffers buffers = {constant({5}, 0), constant({5}, 1)};
    struct Row {
        const char* name;
        Shape shape;  // of the input that is changed
        std::function<Tensor(const Tensor&)> op;
    };
    const std::vector<Row> rows = {
        {"conv2d's weight",
         {5, 3, 3, 3},
         [&](const Tensor& w) {
             return conv2d(leaf({4, 4, 4, 3}, 4), w);
         }},
        {"conv2d's x",
         {4, 4, 4, 3},
         [&](const Tensor& x) {
             return conv2d(x, leaf({5, 3, 3, 3}, 5));
         }},
        {"conv_bn's gamma",
         {5},
         [&](const Tensor& gamma) {
             return conv_bn(images, leaf({5, 3, 3, 3}, 5), {}, gamma, constant({5}, 0), buffers);
         }},
        {"batch_norm's x",
         {4, 5},
         [&](const Tensor& x) { return batch_norm(x, leaf({5}, 5), constant({5}, 0), buffers); }},
        {"linear's weight",
         {2, 3},
         [&](const Tensor& w) {
             return linear(leaf({4, 3}, 5), w);
         }},
        {"matmul's b",
         {3, 2},
         [&](const Tensor& b) {
             return matmul(leaf({4, 3}, 5), b);
         }},
        {"row_dot's a",
         {4, 3},
         [&](const Tensor& a) {
             return row_dot(a, leaf({4, 3}, 5));
         }},
        {"cross_entropy's logits",
         {4, 3},
         [&](const Tensor& logits) { return cross_entropy(logits, Tensor::zeros({4}, DType::i64, backend())).value; }},
        {"info_nce's queue",
         {9, 3},
         [&](const Tensor& queue) {
             return info_nce(leaf({4, 3}, 5), formula_tensor({4, 3}, 6, backend()), queue.detached(), 0.2f).value;
         }},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Tensor input = leaf(row.shape, 1);
        const Tensor y = row.op(input);
        ASSERT_TRUE(y.requires_grad());
        Tensor loss = weighted_sum(y, formula_dy(y.count()));
        input.fill_zero();
        EXPECT_THAT(error_of([&] { loss.backward(); }),
                    HasSubstr(fmt::format("a tensor {} f32 saved for backward was changed in between", row.shape)));
    }
}

TEST_P(GraphTest, WhatNoGradientNeedsIsNeitherKeptNorGuarded) {
    // With a frozen weight the gradient of x does not need x: its memory is free at once, and may be overwritten.
    Tensor x = leaf({4, 8, 8, 16}, 1), rows = leaf({64, 64}, 1);
    const Tensor weight = formula_tensor({2, 3, 3, 16}, 2, backend()), w = formula_tensor({2, 64}, 2, backend()),
                 b = formula_tensor({64, 2}, 2, backend());
    const auto kept_by = [&](const std::function<Tensor()>& op) {
        const size_t before = GetParam().bytes_in_use();
        const Tensor y = op();
        return GetParam().bytes_in_use() - before;
    };
    EXPECT_LT(kept_by([&] { return conv2d(scale(x, 2), weight); }), x.bytes());
    EXPECT_LT(kept_by([&] { return linear(scale(rows, 2), w); }), rows.bytes());
    EXPECT_LT(kept_by([&] { return matmul(scale(rows, 2), b); }), rows.bytes());
    EXPECT_GT(kept_by([&] { return linear(scale(rows, 2), leaf({2, 64}, 2)); }), rows.bytes()) << "x is needed here";

    Tensor loss = weighted_sum(linear(rows, w), formula_dy(128));
    rows.fill_zero();
    loss.backward();
    EXPECT_TRUE(rows.grad().defined());
}

// ---- what is freed ----

/// A small network and its loss: every op that a training step uses.
struct Network {
    Tensor conv, gamma, beta, project, images, keys, queue;
    BatchNormBuffers buffers;

    Loss loss() const {
        const BatchNormArgs args = {.splits = 2, .activation = Activation::relu};
        const Tensor h = max_pool(conv_bn(images, conv, {.pad = 1}, gamma, beta, buffers, args), {});
        const Tensor f = linear(global_avg_pool(add(relu(h), h)), project);
        return info_nce(l2_normalize(f), keys, queue, 0.2f);
    }
};

Network network_on(Backend& backend) {
    Network net = {.conv = formula_tensor({16, 3, 3, 3}, 1, backend),
                   .gamma = formula_tensor({16}, 2, backend),
                   .beta = formula_tensor({16}, 3, backend),
                   .project = formula_tensor({8, 16}, 4, backend),
                   .images = formula_tensor({4, 16, 16, 3}, 5, backend),
                   .keys = formula_tensor({4, 8}, 6, backend),
                   .queue = formula_tensor({32, 8}, 7, backend),
                   .buffers = {Tensor::zeros({16}, DType::f32, backend), Tensor::full({16}, 1, backend)}};
    for (Tensor* parameter : {&net.conv, &net.gamma, &net.beta, &net.project}) parameter->set_requires_grad(true);
    return net;
}

TEST_P(GraphTest, NothingLeaks) {
    const size_t before = GetParam().bytes_in_use();
    {
        const Network net = network_on(backend());
        const size_t inputs = GetParam().bytes_in_use();
        net.loss();  // a graph that is dropped without backward
        EXPECT_EQ(GetParam().bytes_in_use(), inputs);
        net.loss().value.backward();
        const size_t with_gradients = GetParam().bytes_in_use();
        EXPECT_LT(with_gradients - inputs, 64u * 1024) << "more than the gradients is left";
        for (int step = 0; step < 3; ++step) net.loss().value.backward();
        EXPECT_EQ(GetParam().bytes_in_use(), with_gradients) << "every step adds memory";
        const NoGrad no_gradient;
        net.loss();
        EXPECT_EQ(GetParam().bytes_in_use(), with_gradients);
    }
    EXPECT_EQ(GetParam().bytes_in_use(), before);
}

TEST_P(GraphTest, BackwardFreesTheActivationsEvenWhileTheLossLives) {
    const Network net = network_on(backend());
    const size_t inputs = GetParam().bytes_in_use();
    Loss loss = net.loss();
    const size_t activation = 4 * 16 * 16 * 16 * sizeof(float);
    // Batch norm's input, and of its result all or only the signs.
    const size_t signs = backend().batch_norm_sign_bytes({4, 16 * 16, 16, 2, Activation::relu});
    EXPECT_GT(GetParam().bytes_in_use() - inputs, activation + (signs > 0 ? signs : activation));
    loss.value.backward();
    EXPECT_LT(GetParam().bytes_in_use() - inputs, activation) << "only the gradients should be left";
}

TEST_P(GraphTest, AnErrorInBackwardFreesTheGraphToo) {
    Network net = network_on(backend());
    const size_t inputs = GetParam().bytes_in_use();
    {
        Loss loss = net.loss();
        net.queue.fill_zero();
        EXPECT_THROW(loss.value.backward(), Error);
    }
    EXPECT_EQ(GetParam().bytes_in_use(), inputs);
}

TEST_P(GraphTest, AnImageCostsNoGradient) {
    const Tensor x = formula_tensor({4, 32, 32, 16}, 2, backend());
    const Tensor gamma = constant({2}, 1), beta = constant({2}, 0);
    const BatchNormBuffers buffers = {constant({2}, 0), constant({2}, 1)};
    const auto backward_peak_of = [&](const Tensor& y) {
        Tensor loss = weighted_sum(y, formula_dy(y.count()));
        GetParam().reset_peak();
        const size_t before = GetParam().bytes_in_use();
        loss.backward();
        return GetParam().peak_bytes() - before;
    };
    const auto weight = [&] { return leaf({2, 3, 3, 16}, 1); };
    EXPECT_LT(backward_peak_of(conv2d(x, weight(), {.stride = 4})), x.bytes());
    EXPECT_LT(backward_peak_of(conv_bn(x, weight(), {.stride = 4}, gamma, beta, buffers)), x.bytes());
    Tensor wants = x.detached();
    wants.set_requires_grad(true);
    EXPECT_GE(backward_peak_of(conv2d(wants, weight(), {.stride = 4})), x.bytes()) << "the measure should see a dx";
}

// ---- the losses' memory ----

TEST_P(GraphTest, TheFusedLossNeverHoldsItsLogits) {
    const int64_t N = 64, C = 16, K = 16384;
    const size_t logits = static_cast<size_t>(N * (1 + K)) * sizeof(float);
    const Tensor k = formula_tensor({N, C}, 2, backend()), queue = formula_tensor({K, C}, 3, backend());
    const auto peak_of = [&](Loss (*op)(const Tensor&, const Tensor&, const Tensor&, float)) {
        Tensor q = leaf({N, C}, 1);
        GetParam().reset_peak();
        const size_t before = GetParam().bytes_in_use();
        op(q, k, queue, 0.2f).value.backward();
        return GetParam().peak_bytes() - before;
    };
    EXPECT_GT(peak_of(info_nce_literal), 2 * logits) << "the measure should see the literal one's logits";
    EXPECT_LT(peak_of(info_nce), logits / 2);
}

}  // namespace
}  // namespace moco
