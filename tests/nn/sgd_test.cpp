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
