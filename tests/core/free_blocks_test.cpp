// Which free block is taken, and how neighbours join. Only books: the addresses are those of an array nobody reads.
#include "core/free_blocks.h"

#include <gtest/gtest.h>

namespace moco {
namespace {

char place[1000];

TEST(FreeBlocks, TakesTheSmallestThatFitsAndTheLowestOfEquals) {
    FreeBlocks blocks;
    EXPECT_EQ(blocks.take(1), nullptr);
    blocks.give(place + 600, 50);
    blocks.give(place + 400, 50);
    blocks.give(place, 100);
    EXPECT_EQ(blocks.take(101), nullptr);
    EXPECT_EQ(blocks.take(50), place + 400);
    EXPECT_EQ(blocks.take(40), place + 600);
    EXPECT_EQ(blocks.take(10), place + 640);
    EXPECT_EQ(blocks.take(50), place);
    EXPECT_EQ(blocks.take(50), place + 50);
    EXPECT_EQ(blocks.take(1), nullptr);
}

TEST(FreeBlocks, AWholeBlockCanBeTaken) {
    FreeBlocks blocks;
    blocks.give(place, 100);
    blocks.give(place + 200, 50);
    EXPECT_FALSE(blocks.take_whole(place, 99));
    EXPECT_FALSE(blocks.take_whole(place + 1, 99));
    EXPECT_TRUE(blocks.take_whole(place, 100));
    EXPECT_FALSE(blocks.take_whole(place, 100));
    EXPECT_EQ(blocks.take(50), place + 200);
}

TEST(FreeBlocks, WhatIsFreeWithinARangeCanBeTaken) {
    using Pieces = std::vector<std::pair<char*, size_t>>;
    FreeBlocks blocks;
    blocks.give(place, 100);
    blocks.give(place + 200, 50);
    blocks.give(place + 300, 100);
    EXPECT_EQ(blocks.take_within(place + 100, 100), Pieces{});
    EXPECT_EQ(blocks.take_within(place + 60, 260), (Pieces{{place + 60, 40}, {place + 200, 50}, {place + 300, 20}}));
    EXPECT_EQ(blocks.take_within(place + 10, 20), (Pieces{{place + 10, 20}}));
    EXPECT_EQ(blocks.take(80), place + 320);
    EXPECT_EQ(blocks.take(30), place + 30);
    EXPECT_EQ(blocks.take(10), place);
    EXPECT_EQ(blocks.take(1), nullptr);
}

TEST(FreeBlocks, NeighboursJoinInAnyOrder) {
    const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (const auto& order : orders) {
        FreeBlocks blocks;
        for (const int i : order) blocks.give(place + 100 * i, 100);
        EXPECT_EQ(blocks.take(300), place);
        EXPECT_EQ(blocks.take(1), nullptr);
    }
}

TEST(FreeBlocks, BlocksApartDoNotJoin) {
    FreeBlocks blocks;
    blocks.give(place, 100);
    blocks.give(place + 101, 100);
    EXPECT_EQ(blocks.take(101), nullptr);
}

TEST(FreeBlocks, KnowsTheBlockThatEndsSomewhere) {
    FreeBlocks blocks;
    EXPECT_EQ(blocks.bytes_before(place + 100), 0u);
    blocks.give(place + 10, 90);
    blocks.give(place + 200, 10);
    EXPECT_EQ(blocks.bytes_before(place + 100), 90u);
    EXPECT_EQ(blocks.bytes_before(place + 99), 0u);
    EXPECT_EQ(blocks.bytes_before(place + 205), 0u);
    EXPECT_EQ(blocks.bytes_before(place + 210), 10u);
}

}  // namespace
}  // namespace moco
