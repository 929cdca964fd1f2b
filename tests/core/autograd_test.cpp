// The engine alone, with ops made up on the spot; tests/ops proves the real ones.
#include "core/autograd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/backend.h"
#include "tests/support/test_backend.h"

namespace moco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor leaf(std::vector<float> values) {
    Tensor x = Tensor::from_host(values, {static_cast<int64_t>(values.size())}, testing::cpu());
    x.set_requires_grad(true);
    return x;
}

Tensor times(const Tensor& x, float factor) {
    Tensor y = Tensor::empty_like(x);
    x.backend().scale(x.data(), factor, y.mutable_data(), x.count());
    return record(y, {x}, [factor](const Tensor& dy) {
        Tensor dx = Tensor::empty_like(dy);
        dy.backend().scale(dy.data(), factor, dx.mutable_data(), dy.count());
        return Gradients{dx};
    });
}

Tensor plus(const Tensor& a, const Tensor& b) {
    Tensor y = Tensor::empty_like(a);
    a.backend().add_forward(DType::f32, a.data(), b.data(), y.mutable_data(), a.count());
    return record(y, {a, b}, [](const Tensor& dy) { return Gradients{dy, dy}; });
}

Tensor sum(const Tensor& x) {
    float total = 0;
    for (float value : x.to_vector()) total += value;
    return record(Tensor::full({}, total, x.backend()), {x}, [shape = x.shape()](const Tensor& dy) {
        return Gradients{Tensor::full(shape, dy.item(), dy.backend())};
    });
}

TEST(Autograd, AddsTheGradientsOfEveryPath) {
    Tensor x = leaf({1, 2});
    const Tensor y = times(x, 3);
    sum(plus(plus(y, y), plus(times(y, 2), x))).backward();  // 3 + 3 + 6 + 1
    EXPECT_THAT(x.grad().to_vector(), ElementsAre(13, 13));
}

TEST(Autograd, ASumTakesTheMemoryOfAGradientThatNobodyElseHolds) {
    for (const bool held : {false, true}) {
        Tensor x = leaf({1}), kept;
        const float *first = nullptr, *summed = nullptr;
        const Tensor y = record(Tensor::full({1}, 1, testing::cpu()), {x}, [&](const Tensor& dy) {
            summed = dy.data();
            return Gradients{dy};
        });
        const Tensor early = times(y, 2);
        const Tensor late = record(Tensor::full({1}, 1, testing::cpu()), {y}, [&](const Tensor& dy) {
            const Tensor dx = Tensor::full(dy.shape(), 3, dy.backend());
            first = dx.data();
            if (held) kept = dx;
            return Gradients{dx};
        });
        sum(plus(times(early, 1), late)).backward();
        EXPECT_EQ(summed == first, !held);
        EXPECT_THAT(x.grad().to_vector(), ElementsAre(5));
        if (held) {
            EXPECT_THAT(kept.to_vector(), ElementsAre(3));
        }
    }
}

Tensor times_in_place(const Tensor& x, float factor, bool& in_place) {
    Tensor y = Tensor::empty_like(x);
    x.backend().scale(x.data(), factor, y.mutable_data(), x.count());
    return record(y, {x}, [factor, &in_place](const Tensor& dy) {
        Tensor dx = in_place_of(dy);
        in_place = dx.data() == dy.data();
        dy.backend().scale(dy.data(), factor, dx.mutable_data(), dy.count());
        return Gradients{dx};
    });
}

TEST(Autograd, AGradientMayTakeThePlaceOfOneThatNobodyElseHolds) {
    Tensor x = leaf({1, 2});
    bool alone = false, left = true, right = true;
    sum(times_in_place(x, 2, alone)).backward();
    EXPECT_TRUE(alone);
    EXPECT_THAT(x.grad().to_vector(), ElementsAre(2, 2));
    sum(plus(times_in_place(x, 3, left), times_in_place(x, 4, right))).backward();
    EXPECT_FALSE(left && right);
    EXPECT_THAT(x.grad().to_vector(), ElementsAre(9, 9));
}

/// x[0] + w[0], whose gradient of w is written where GradientMemory says.
Tensor plus_weight(const Tensor& x, const Tensor& w, const float*& written) {
    return record(Tensor::full({1}, 1, testing::cpu()), {x, w}, [into = GradientMemory(w), &written](const Tensor& dy) {
        Tensor dw = into.wanted() ? into.take() : Tensor();
        if (dw.defined()) dw.copy_from(dy);
        written = dw.defined() ? dw.data() : nullptr;
        return Gradients{dy, dw};
    });
}

TEST(Autograd, WritesAGradientIntoTheLeafsOwnMemoryWhereThatIsZero) {
    Tensor w = leaf({1});
    const float *first = nullptr, *second = nullptr;
    w.set_grad(Tensor::full({1}, 5, testing::cpu()));
    const float* const own = w.grad().data();
    sum(plus_weight(leaf({1}), w, first)).backward();
    EXPECT_NE(first, own) << "the memory holds a gradient already";
    EXPECT_THAT(w.grad().to_vector(), ElementsAre(6));

    w.zero_grad();
    sum(plus_weight(plus_weight(leaf({1}), w, second), w, first)).backward();
    EXPECT_EQ(first, own);
    EXPECT_NE(second, own);
    EXPECT_THAT(w.grad().to_vector(), ElementsAre(2));

    w.zero_grad();
    sum(times(w, 3)).backward();  // an op that asks for no place
    EXPECT_THAT(w.grad().to_vector(), ElementsAre(3));
    w.zero_grad();
    EXPECT_THAT(w.grad().to_vector(), ElementsAre(0));

    w.set_requires_grad(false);
    sum(plus_weight(leaf({1}), w, first)).backward();
    EXPECT_EQ(first, nullptr);
}

TEST(Autograd, SumsAcrossBackwardsIntoMemoryThatWasGiven) {
    Tensor x = leaf({1, 2});
    Tensor memory = Tensor::zeros({2}, DType::f32, testing::cpu());
    x.set_grad(memory);
    sum(times(x, 2)).backward();
    sum(times(x, 3)).backward();
    EXPECT_THAT(memory.to_vector(), ElementsAre(5, 5));
}

TEST(Autograd, ALeafsOwnGradientIsNeverSharedWithAnOp) {
    Tensor a = leaf({1}), b = leaf({1});
    sum(plus(a, b)).backward();
    sum(a).backward();
    EXPECT_THAT(a.grad().to_vector(), ElementsAre(2));
    EXPECT_THAT(b.grad().to_vector(), ElementsAre(1));
}

TEST(Autograd, RecordsNothingWithoutNeed) {
    Tensor x = leaf({1});
    {
        const NoGrad no_gradient;
        EXPECT_FALSE(times(x, 2).requires_grad());
    }
    EXPECT_TRUE(times(x, 2).requires_grad());
    x.set_requires_grad(false);
    EXPECT_FALSE(times(x, 2).requires_grad());
    EXPECT_FALSE(times(leaf({1}), 2).detached().requires_grad());
}

TEST(Autograd, AChangedSavedTensorFailsLoudly) {
    Tensor x = leaf({1});
    Tensor loss = record(Tensor::full({}, 1, testing::cpu()), {x},
                         [saved = Saved(x)](const Tensor&) { return Gradients{saved.get()}; });
    x.fill_zero();
    try {
        loss.backward();
        FAIL() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("was changed in between (version"));
    }
}

TEST(Autograd, FreesWhatWasSavedAsItGoes) {
    Tensor x = leaf({1});
    auto token = std::make_shared<int>(1);
    std::weak_ptr<int> watch = token;
    bool freed_before_next = false;
    Tensor inner = record(Tensor::full({1}, 1, testing::cpu()), {x}, [&](const Tensor& dy) {
        freed_before_next = watch.expired();
        return Gradients{dy};
    });
    Tensor outer = record(Tensor::full({}, 1, testing::cpu()), {inner},
                          [token](const Tensor&) { return Gradients{Tensor::full({1}, 1, testing::cpu())}; });
    token.reset();
    outer.backward();
    EXPECT_TRUE(freed_before_next);
    EXPECT_THROW(outer.backward(), Error);
}

TEST(Autograd, ChecksWhatAnOpReturns) {
    Tensor x = leaf({1, 2});
    Tensor wrong_shape = record(Tensor::full({}, 1, testing::cpu()), {x},
                                [](const Tensor&) { return Gradients{Tensor::full({3}, 1, testing::cpu())}; });
    EXPECT_THROW(wrong_shape.backward(), Error);
    Tensor wrong_count = record(Tensor::full({}, 1, testing::cpu()), {x}, [](const Tensor&) { return Gradients{}; });
    EXPECT_THROW(wrong_count.backward(), Error);
    EXPECT_THROW(times(x, 2).backward(), Error);  // not a scalar
}

TEST(Autograd, ALongChainIsWalkedAndFreedWithoutRecursion) {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 20000; ++i) y = times(y, 1);
    sum(y).backward();
    EXPECT_THAT(x.grad().to_vector(), ElementsAre(1));
}

}  // namespace
}  // namespace moco
