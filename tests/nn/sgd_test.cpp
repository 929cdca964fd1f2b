// SGD against torch.optim.SGD, and numbers on the device.
#include "nn/sgd.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

constexpr double kTolerance = 1e-6;  // of the result's RMS: six steps, each with a few roundings of 6e-8

struct TwoParameters {
    std::vector<Shape> shapes = {{5, 7}, {3}};
    std::vector<Tensor> w = {formula_tensor(shapes[0], 10, cpu()), formula_tensor(shapes[1], 11, cpu())};
    ParameterArena arena{{{"first", w[0]}, {"second", w[1]}}, ArenaContents::values_and_gradients};

    void set_gradients(uint32_t salt) {
        for (uint32_t i = 0; i < 2; ++i) w[i].grad().copy_from(formula_tensor(shapes[i], salt + i, cpu()));
    }
};

TEST(Sgd, FollowsPyTorchsOverSeveralSteps) {
    const GoldenPack golden("nn.sgd");
    TwoParameters s;
    Sgd sgd(s.arena, {0.9f, 5e-4f});
    for (uint32_t step = 0; step < 6; ++step) {
        s.set_gradients(20 + 2 * step);
        sgd.set_learning_rate(0.1f / static_cast<float>(1 + step));
        sgd.step();
        if (step != 0 && step != 5) continue;
        for (size_t i = 0; i < 2; ++i) {
            const NpyArray w = golden[fmt::format("w{}_after{}", i, step + 1)];
            const NpyArray v = golden[fmt::format("v{}_after{}", i, step + 1)];
            EXPECT_LE(error_over_rms(s.w[i].to_vector(), w.values), kTolerance) << "step " << step;
            EXPECT_LE(error_over_rms(sgd.momenta()[i].tensor.to_vector(), v.values), kTolerance) << "step " << step;
        }
    }
}

TEST(Sgd, MomentaAreNamedViewsThatACheckpointMayWrite) {
    TwoParameters s;
    Sgd sgd(s.arena, SgdOptions{0.5f, 0.0f});
    std::vector<NamedTensor> momenta = sgd.momenta();
    ASSERT_EQ(momenta.size(), 2u);
    EXPECT_EQ(momenta[0].name, "first");
    EXPECT_EQ(momenta[1].name, "second");
    EXPECT_EQ(momenta[1].tensor.shape(), Shape({3}));
    momenta[1].tensor.copy_from(Tensor::full({3}, 2.0f, cpu()));
    s.w[1].fill_zero();
    sgd.zero_grad();
    sgd.set_learning_rate(0.25f);
    sgd.step();
    EXPECT_THAT(s.w[1].to_vector(), ::testing::Each(-0.25f)) << "v = 0.5 * 2 + 0; w = 0 - 0.25 * 1";
}

TEST(Sgd, AStepMovesEveryParametersVersion) {
    TwoParameters s;
    Sgd sgd(s.arena, SgdOptions{});
    const uint64_t before = s.w[0].version();
    sgd.step();
    EXPECT_GT(s.w[0].version(), before) << "or a backward pass through old weights goes unnoticed";
}

TEST(Sgd, ZeroGradClearsWhatBackwardAddsTo) {
    TwoParameters s;
    Sgd sgd(s.arena, SgdOptions{});
    s.set_gradients(1);
    sgd.zero_grad();
    EXPECT_THAT(s.w[0].grad().to_vector(), ::testing::Each(0.0f));
}

TEST(Sgd, NeedsGradients) {
    ParameterArena arena({{"w", Tensor::zeros({3}, DType::f32, cpu())}}, ArenaContents::values_only);
    expect_error([&] { Sgd sgd(arena, SgdOptions{}); }, {"Sgd", "no gradients"});
}

/// Four parameters of ones, whose gradients are ones, in an arena with gaps between them.
struct FourParameters {
    std::vector<Tensor> w;
    ParameterArena arena;

    explicit FourParameters(Backend& backend) {
        std::vector<NamedTensor> named;
        for (const Shape& shape : {Shape({5, 7}), Shape({3}), Shape({17}), Shape({2, 2})}) {
            w.push_back(Tensor::full(shape, 1.0f, backend));
            named.push_back({fmt::format("w{}", w.size() - 1), w.back()});
        }
        arena = ParameterArena(named, ArenaContents::values_and_gradients);
        for (const Tensor& parameter : w) parameter.grad().copy_from(Tensor::full(parameter.shape(), 1.0f, backend));
    }
};

class SgdGroups : public EachBackend {};

TEST_P(SgdGroups, EachHasItsOptionsAndItsFactorOfTheRate) {
    FourParameters s(backend());
    Sgd sgd(s.arena, {{0, 1, {0, 0}, 1}, {1, 2, {0.5f, 0}, 0.5f}, {3, 1, {0, 1}, 4}});
    sgd.set_learning_rate(0.125f);
    sgd.step();
    sgd.set_learning_rate(0.0625f);  // the factors are those of the rate that is set, not of the one before
    sgd.step();
    const std::vector<float> expected = {1 - 0.125f - 0.0625f,                       // lr
                                         1 - 0.0625f - 0.03125f * 1.5f,              // lr / 2; v = 1, then 0.5 + 1
                                         1 - 0.0625f - 0.03125f * 1.5f, 0 - 0.25f};  // 4 lr; g = 1 + w: 2, then 1
    for (size_t i = 0; i < 4; ++i) EXPECT_THAT(s.w[i].to_vector(), ::testing::Each(expected[i])) << "w" << i;
}

TEST_P(SgdGroups, ParametersOfNoGroupStayAsTheyAre) {
    FourParameters s(backend());
    Sgd sgd(s.arena, {{1, 1, {0.9f, 0.5f}, 1}, {3, 1, {0.9f, 0.5f}, 1}});
    sgd.set_learning_rate(0.25f);
    sgd.step();
    for (size_t i = 0; i < 4; ++i) {
        const bool learns = i == 1 || i == 3;
        EXPECT_THAT(s.w[i].to_vector(), ::testing::Each(learns ? 0.625f : 1.0f)) << "w" << i;
        EXPECT_THAT(sgd.momenta()[i].tensor.to_vector(), ::testing::Each(learns ? 1.5f : 0.0f)) << "w" << i;
    }
}

TEST_P(SgdGroups, BeyondTheArenaOrEmptyAreRefused) {
    struct Case {
        ParameterGroup group;
        std::string sentence;
    };
    FourParameters s(backend());
    for (const auto& [group, sentence] :
         {Case{{0, 0, {}, 1}, "Sgd: a group of 0 parameters from number 0, the arena has 4"},
          {{0, 5, {}, 1}, "Sgd: a group of 5 parameters from number 0, the arena has 4"},
          {{3, 2, {}, 1}, "Sgd: a group of 2 parameters from number 3, the arena has 4"},
          {{4, 1, {}, 1}, "Sgd: a group of 1 parameters from number 4, the arena has 4"}}) {
        EXPECT_EQ(message_of([&] { Sgd sgd(s.arena, std::vector<ParameterGroup>{{0, 1, {}, 1}, group}); }), sentence);
    }
}

MOCO_FOR_EACH_BACKEND(SgdGroups);

TEST(DeviceValue, HoldsWhatWasSet) {
    struct Numbers {
        float m = 0.5f;
        int64_t first = 3;
    };
    DeviceValue<Numbers> value(cpu());
    const auto on_device = [&] {
        Numbers read;
        cpu().copy_to_host(&read, value.data(), sizeof(read));
        return std::pair(read.m, read.first);
    };
    EXPECT_EQ(on_device(), std::pair(0.5f, int64_t{3}));
    value.set({0.99f, 77});
    EXPECT_EQ(on_device(), std::pair(0.99f, int64_t{77}));
    EXPECT_EQ(value.host().first, 77);
}

}  // namespace
}  // namespace moco::testing
