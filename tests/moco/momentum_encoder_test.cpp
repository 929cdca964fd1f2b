// The momentum update: parameters follow, statistics stay.
#include "moco/momentum_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "moco/model.h"
#include "tests/moco/golden_steps.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

class MomentumEncoderTest : public EachBackend {};

TEST_P(MomentumEncoderTest, StartsAsACopyAndFollowsSlowly) {
    Moco moco(golden_steps_encoder(Head::mlp), 16, {}, 3, backend());
    EXPECT_EQ(moco.f_k_parameters.values().to_vector(), moco.f_q_parameters.values().to_vector());
    for (const NamedTensor& parameter : moco.f_k.state().parameters) EXPECT_FALSE(parameter.tensor.requires_grad());
    for (const NamedTensor& parameter : moco.f_q.state().parameters) EXPECT_TRUE(parameter.tensor.requires_grad());

    fill_by_formula(moco.f_q);
    const std::vector<float> q = moco.f_q_parameters.values().to_vector();
    const std::vector<float> before = moco.f_k_parameters.values().to_vector();
    const uint64_t version = moco.f_k.state().parameters.front().tensor.version();
    moco.state.set({0.75f, 0});
    momentum_update(moco.f_k_parameters, moco.f_q_parameters, moco.state);
    const std::vector<float> after = moco.f_k_parameters.values().to_vector();
    for (size_t i = 0; i < q.size(); ++i) {
        ASSERT_NEAR(after[i], 0.75 * before[i] + 0.25 * q[i], 1e-6 * (std::abs(before[i]) + std::abs(q[i])));
    }
    EXPECT_EQ(moco.f_q_parameters.values().to_vector(), q);
    EXPECT_GT(moco.f_k.state().parameters.front().tensor.version(), version);
    for (const NamedTensor& buffer : moco.f_k.state().buffers) {
        if (buffer.tensor.dtype() != DType::f32) continue;
        const float start = buffer.name.ends_with("running_var") ? 1.0f : 0.0f;
        for (const float value : buffer.tensor.to_vector()) ASSERT_EQ(value, start) << buffer.name;
    }
}

TEST_P(MomentumEncoderTest, RefusesAnotherNetwork) {
    Moco moco(golden_steps_encoder(Head::mlp), 16, {}, 3, backend());
    Moco other(golden_steps_encoder(Head::linear), 16, {}, 3, backend());
    EXPECT_THAT(message_of([&] { momentum_update(other.f_k_parameters, moco.f_q_parameters, moco.state); }),
                ::testing::HasSubstr("they must be alike"));
}

MOCO_FOR_EACH_BACKEND(MomentumEncoderTest);

}  // namespace
}  // namespace moco::testing
