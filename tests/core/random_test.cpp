#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace moco {
namespace {

TEST(Philox, GivesThePublishedAnswers) {
    // Known answers of Philox4x32-10, published with Random123.
    using Block = std::array<uint32_t, 4>;
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const uint32_t ones = 0xffffffff;
    EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, StreamsAreAddressedByEveryPartOfTheirName) {
    std::set<uint32_t> first;
    first.insert(Random(1, Purpose::augment).bits());
    first.insert(Random(2, Purpose::augment).bits());
    first.insert(Random(uint64_t{1} << 32, Purpose::augment).bits());
    first.insert(Random(1, Purpose::order).bits());
    first.insert(Random(1, Purpose::augment, 1).bits());
    first.insert(Random(1, Purpose::augment, 0, 1).bits());
    first.insert(Random(1, Purpose::augment, 0, 0, 1).bits());
    EXPECT_EQ(first.size(), 7u);
    EXPECT_EQ(Random(5, Purpose::queue, 1, 2, 3).bits(), Random(5, Purpose::queue, 1, 2, 3).bits());
}

TEST(Random, UniformStaysInItsRangeWithItsMeanAndVariance) {
    Random random(3, Purpose::bench);
    double sum = 0, squares = 0;
    const int n = 100000;
    for (int i = 0; i < n; ++i) {
        const float u = random.uniform();
        ASSERT_GE(u, 0.0f);
        ASSERT_LT(u, 1.0f);
        sum += u;
        squares += double{u} * u;
    }
    // Standard error of the mean 0.0009, of the second moment 0.001; five of them.
    EXPECT_NEAR(sum / n, 0.5, 0.005);
    EXPECT_NEAR(squares / n, 1.0 / 3, 0.005);
    for (int i = 0; i < 1000; ++i) {
        const float u = random.uniform(0.2f, 0.2000001f);
        ASSERT_GE(u, 0.2f);
        ASSERT_LT(u, 0.2000001f);
    }
}

TEST(Random, NormalHasMomentsOfAStandardNormal) {
    Random random(4, Purpose::init);
    double sum = 0, squares = 0, fourth = 0;
    const int n = 100000;
    for (int i = 0; i < n; ++i) {
        const double x = random.normal();
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    EXPECT_NEAR(sum / n, 0, 0.016);      // 5 / sqrt(n)
    EXPECT_NEAR(squares / n, 1, 0.023);  // 5 sqrt(2 / n)
    EXPECT_NEAR(fourth / n, 3, 0.16);    // 5 sqrt(96 / n)
}

TEST(Random, BelowReachesEveryValueEquallyOften) {
    Random random(5, Purpose::order);
    std::array<int, 7> hits{};
    for (int i = 0; i < 70000; ++i) ++hits[random.below(7)];
    for (int count : hits) EXPECT_NEAR(count, 10000, 500);  // five standard deviations
    EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, PermutationHoldsEveryIndexOnce) {
    std::vector<int64_t> order = Random(6, Purpose::order).permutation(1000);
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
    EXPECT_TRUE(Random(6, Purpose::order).permutation(0).empty());
}

}  // namespace
}  // namespace moco
