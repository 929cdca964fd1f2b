// Element-wise work is cut into a power of two of pieces, so that threads have equal shares.
#include "cpu/grain.h"

#include <gtest/gtest.h>

namespace moco::cpu {
namespace {

int64_t pieces(int64_t count, int64_t grain) {
    return (count + grain - 1) / grain;
}

TEST(CpuGrain, RowsThatDivideMakeAPowerOfTwoOfPieces) {
    EXPECT_EQ(row_grain(128, 196 * 16), 8);  // 12.25 times kElementGrain: 16 pieces
    EXPECT_EQ(row_grain(128, 49 * 32), 16);
    EXPECT_EQ(row_grain(128, 1), 128);
    EXPECT_EQ(row_grain(128, 1 << 20), 1);
    EXPECT_EQ(row_grain(0, 100), 1);
}

TEST(CpuGrain, NoPieceIsMuchLargerThanAskedFor) {
    for (const int64_t rows : {1, 3, 100, 127, 1000})
        for (const int64_t row : {1, 77, 3000, 100000})
            EXPECT_LE(row_grain(rows, row) * row, std::max(row, kElementGrain)) << rows << " x " << row;
}

TEST(CpuGrain, ElementsAreCutBetweenVectors) {
    for (const int64_t count : {1, 1000, 32768, 32769, 401408, 1000003}) {
        EXPECT_EQ(element_grain(count) % 64, 0) << count;
        EXPECT_LE(element_grain(count), kElementGrain) << count;
    }
    EXPECT_EQ(pieces(401408, element_grain(401408)), 16);
}

}  // namespace
}  // namespace moco::cpu
