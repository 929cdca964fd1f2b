#include "nn/parameter_arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_backend.h"

namespace moco {
namespace {

using ::testing::ElementsAre;

TEST(ParameterArena, RebindsEveryHandleToOneBuffer) {
    Tensor a = Tensor::from_host<float>({1, 2, 3}, {3}, testing::cpu());
    Tensor b = Tensor::from_host<float>({4, 5}, {2, 1}, testing::cpu());
    const Tensor held_by_a_layer = b;
    ParameterArena arena({{"a", a}, {"b", b}}, ArenaContents::values_and_gradients);

    EXPECT_EQ(arena.count(), 32);  // each starts at a multiple of 16
    EXPECT_THAT(held_by_a_layer.to_vector(), ElementsAre(4, 5));
    EXPECT_EQ(held_by_a_layer.data(), arena.values().data() + 16);
    EXPECT_TRUE(held_by_a_layer.requires_grad());

    arena.gradients().copy_from(Tensor::full({32}, 7, testing::cpu()));
    EXPECT_THAT(held_by_a_layer.grad().to_vector(), ElementsAre(7, 7));
    arena.zero_gradients();
    EXPECT_THAT(a.grad().to_vector(), ElementsAre(0, 0, 0));
    arena.gradients().copy_from(Tensor::full({32}, 7, testing::cpu()));
    arena.zero_gradients();
    const std::vector<float> zeros = arena.gradients().to_vector();  // nobody asked for a or b
    EXPECT_THAT(std::vector(zeros.begin(), zeros.begin() + 3), ElementsAre(0, 0, 0));
    EXPECT_THAT(std::vector(zeros.begin() + 16, zeros.begin() + 18), ElementsAre(0, 0));
}

TEST(ParameterArena, VersionsCountPerParameter) {
    Tensor a = Tensor::zeros({3}, DType::f32, testing::cpu());
    Tensor b = Tensor::zeros({3}, DType::f32, testing::cpu());
    ParameterArena arena({{"a", a}, {"b", b}}, ArenaContents::values_only);
    EXPECT_FALSE(arena.gradients().defined());
    const uint64_t version = b.version();
    a.fill_zero();
    EXPECT_EQ(b.version(), version);
    arena.bump_versions();
    EXPECT_EQ(b.version(), version + 1);
}

TEST(ParameterArena, ViewsOfABufferLikeValues) {
    ParameterArena arena({{"a", Tensor::full({3}, 1, testing::cpu())}, {"b", Tensor::full({2, 2}, 2, testing::cpu())}},
                         ArenaContents::values_only);
    Tensor momenta = arena.zeros_like_values();
    arena.view_of(momenta, 1).copy_from(Tensor::full({2, 2}, 5, testing::cpu()));
    EXPECT_EQ(momenta.to_vector()[16], 5);
    EXPECT_EQ(momenta.to_vector()[15], 0);
    EXPECT_EQ(momenta.to_vector()[20], 0);
}

TEST(ParameterArena, RefusesOtherTypes) {
    EXPECT_THROW(ParameterArena({}, ArenaContents::values_only), Error);
    EXPECT_THROW(ParameterArena({{"n", Tensor::zeros({1}, DType::i64, testing::cpu())}}, ArenaContents::values_only),
                 Error);
}

}  // namespace
}  // namespace moco
