// The memory bank: its first entries, what an update moves, and the draw of negatives.
#include "moco/memory_bank.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "ops/l2_normalize.h"
#include "tests/support/message.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

class MemoryBankTest : public EachBackend {};

TEST_P(MemoryBankTest, StartsWithRandomUnitEntriesOfItsOwn) {
    const std::vector<float> entries = MemoryBank(30, 24, 5, backend()).entries().to_vector();
    double squares = 0;
    for (int64_t c = 0; c < 24; ++c)
        squares += entries[static_cast<size_t>(7 * 24 + c)] * entries[static_cast<size_t>(7 * 24 + c)];
    EXPECT_NEAR(squares, 1, 1e-6);
    Random random(5, Purpose::bank, 0, 7);
    const float first = random.normal(), second = random.normal();
    EXPECT_NEAR(entries[7 * 24] / entries[7 * 24 + 1], first / second, 1e-4 * std::abs(first / second));
    EXPECT_NE(MemoryBank(30, 24, 6, backend()).entries().to_vector(), entries);
}

TEST_P(MemoryBankTest, EntriesMoveByHalfAndTheLastOfAnImageCounts) {
    const int64_t images = 9, C = 6, N = 5;
    const std::vector<int64_t> batch = {4, 7, 4, 0, 7};
    MemoryBank bank(images, C, 1, backend());
    const std::vector<float> before = bank.entries().to_vector();
    const Tensor q = l2_normalize(formula_tensor({N, C}, 3, backend()));
    const std::vector<float> queries = q.to_vector();
    std::vector<double> expected(before.begin(), before.end());
    for (size_t n = 0; n < batch.size(); ++n) {
        const size_t row = static_cast<size_t>(batch[n] * C);
        double squares = 0;
        for (size_t c = 0; c < static_cast<size_t>(C); ++c) {
            expected[row + c] = (static_cast<double>(before[row + c]) + queries[n * static_cast<size_t>(C) + c]) / 2;
            squares += expected[row + c] * expected[row + c];
        }
        for (size_t c = 0; c < static_cast<size_t>(C); ++c) expected[row + c] /= std::sqrt(squares);
    }
    const uint64_t version = bank.entries().version();
    const Tensor index = Tensor::from_host(batch, {N}, backend());
    bank.update(index, q);
    EXPECT_LE(error_over_rms(bank.entries().to_vector(), expected), 1e-6);
    EXPECT_GT(bank.entries().version(), version);
    EXPECT_EQ(bank.at(index).rows(1, 2).to_vector(), bank.entries().rows(7, 8).to_vector());
    EXPECT_EQ(message_of([&] { bank.update(index, q.rows(0, 4)); }),
              "MemoryBank: representations of shape 4x6 for 5 entries of 6 features");
    EXPECT_EQ(message_of([&] { MemoryBank(0, 3, 0, backend()); }),
              "MemoryBank: 0 images of C = 3 features; both must be at least 1");
}

TEST(MemoryBankDraw, IsUniformWithReplacementAndOfItsStep) {
    const std::vector<int64_t> drawn = draw_negatives(9000, 90, 3, 1, 2);
    std::vector<int64_t> counts(90);
    for (const int64_t image : drawn) ++counts.at(static_cast<size_t>(image));
    // 100 of each expected, of standard deviation 10: six of these either way.
    EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 40);
    EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 160);
    EXPECT_EQ(draw_negatives(9000, 90, 3, 1, 2), drawn);
    const std::vector<int64_t> fewer = draw_negatives(10, 90, 3, 1, 2);
    EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), drawn.begin()));
    EXPECT_NE(draw_negatives(9000, 90, 3, 1, 3), drawn);
    EXPECT_NE(draw_negatives(9000, 90, 3, 2, 2), drawn);
    EXPECT_NE(draw_negatives(9000, 90, 4, 1, 2), drawn);
}

MOCO_FOR_EACH_BACKEND(MemoryBankTest);

}  // namespace
}  // namespace moco::testing
