// The caching allocator: reuse, alignment, joining, threads, and what it says when there is no more.
#include "cpu/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>

#include "core/error.h"
#include "cpu/pool_scratch.h"

namespace moco::cpu {
namespace {

constexpr size_t kSizes[] = {0, 1, 64, 65, 1000, 4096, 100'000, size_t{3} << 20, (size_t{5} << 20) + 3};

TEST(MemoryPool, EveryBlockIsAlignedAndWritable) {
    MemoryPool pool;
    for (const size_t bytes : kSizes) {
        void* memory = pool.allocate(bytes);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 64, 0u) << bytes;
        std::memset(memory, 1, bytes);
        pool.release(memory, bytes);
    }
}

TEST(MemoryPool, BlocksInUseDoNotOverlap) {
    MemoryPool pool;
    std::vector<std::pair<unsigned char*, size_t>> blocks;
    for (int round = 0; round < 3; ++round) {
        for (const size_t bytes : kSizes) {
            blocks.emplace_back(static_cast<unsigned char*>(pool.allocate(bytes)), bytes);
            std::memset(blocks.back().first, static_cast<int>(blocks.size()), bytes);
        }
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
        for (size_t b = 0; b < blocks[i].second; b += 61) ASSERT_EQ(blocks[i].first[b], i + 1);
    }
}

TEST(MemoryPool, ASecondStepTakesNothingFromTheSystem) {
    MemoryPool pool;
    std::set<void*> first;
    size_t held = 0;
    for (int step = 0; step < 3; ++step) {
        std::vector<void*> blocks;
        for (const size_t bytes : kSizes) blocks.push_back(pool.allocate(bytes));
        for (size_t i = 0; i < blocks.size(); ++i) pool.release(blocks[i], kSizes[i]);
        if (step == 0) {
            first.insert(blocks.begin(), blocks.end());
            held = pool.bytes_held();
        }
        EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()), first);
        EXPECT_EQ(pool.bytes_held(), held);
    }
}

TEST(MemoryPool, BlocksWasteLittle) {
    for (size_t bytes = 1; bytes < (size_t{1} << 26); bytes = bytes * 9 / 8 + 1) {
        const size_t block = MemoryPool::block_size(bytes);
        EXPECT_GE(block, bytes);
        EXPECT_LT(block - bytes, bytes > size_t{128} << 10 ? 4096u : 64u) << bytes;
        EXPECT_EQ(block % 64, 0u);
        EXPECT_EQ(MemoryPool::block_size(block), block);
    }
    EXPECT_EQ(MemoryPool::block_size(0), 64u);
}

TEST(MemoryPool, ALargerBlockGrowsFromFreeNeighbours) {
    MemoryPool pool;
    constexpr size_t kPart = size_t{3} << 20;
    void* parts[4];
    for (void*& part : parts) part = pool.allocate(kPart);
    const size_t held = pool.bytes_held();
    for (const int i : {1, 3, 2}) pool.release(parts[i], kPart);
    void* joined = pool.allocate(3 * kPart);
    EXPECT_EQ(joined, parts[1]);
    EXPECT_EQ(pool.bytes_held(), held);
    pool.release(joined, 3 * kPart);
    void* more = pool.allocate(5 * kPart);  // the free end grows by what it lacks
    EXPECT_EQ(more, parts[1]);
    EXPECT_LE(pool.bytes_held(), 6 * kPart + (size_t{2} << 20));
    pool.release(more, 5 * kPart);
    pool.release(parts[0], kPart);
}

// Sizes that change from step to step would fill a cache that keeps blocks by size.
TEST(MemoryPool, HoldsLittleMoreThanThePeakOfManySizes) {
    MemoryPool pool;
    for (size_t step = 0; step < 50; ++step) {
        std::vector<std::pair<void*, size_t>> blocks;
        for (size_t i = 0; i < 8; ++i) {
            const size_t bytes = (size_t{1} << 20) + (step * 7919 + i * 104'729) % 1000 * 1024;
            blocks.emplace_back(pool.allocate(bytes), bytes);
        }
        for (const auto& [memory, bytes] : blocks) pool.release(memory, bytes);
    }
    EXPECT_LE(pool.bytes_held(), pool.peak_bytes() + (size_t{2} << 20));
}

TEST(MemoryPool, SmallBlocksDoNotCutLargeOnes) {
    MemoryPool pool;
    constexpr size_t kLarge = size_t{8} << 20;
    void* small_one = pool.allocate(64);
    void* large = pool.allocate(kLarge);
    pool.release(large, kLarge);
    void* another = pool.allocate(64);
    EXPECT_EQ(pool.allocate(kLarge), large);
    pool.release(large, kLarge);
    pool.release(small_one, 64);
    pool.release(another, 64);
}

TEST(MemoryPool, CountsWhatIsInUse) {
    MemoryPool pool;
    void* a = pool.allocate(1024);
    void* b = pool.allocate(2048);
    EXPECT_EQ(pool.bytes_in_use(), 3072u);
    pool.release(a, 1024);
    EXPECT_EQ(pool.bytes_in_use(), 2048u);
    EXPECT_EQ(pool.peak_bytes(), 3072u);
    pool.reset_peak();
    EXPECT_EQ(pool.peak_bytes(), 2048u);
    {
        Scratch<double> scratch(pool, 512);
        EXPECT_EQ(pool.bytes_in_use(), 2048u + 4096u);
    }
    pool.release(b, 2048);
    pool.release(nullptr, 77);
    EXPECT_EQ(pool.bytes_in_use(), 0u);
}

TEST(MemoryPool, SaysHowMuchWasAskedAndIsHeld) {
    MemoryPool pool;
    void* some = pool.allocate(size_t{8} << 20);
    for (const size_t bytes : {size_t{1} << 60, SIZE_MAX}) {
        try {
            pool.allocate(bytes);
            FAIL() << "allocated " << bytes << " bytes";
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), ::testing::HasSubstr(fmt::format("asked the system for {:.1f} MiB in one block "
                                                                       "and holds 8.0 MiB already (8.0 MiB",
                                                                       static_cast<double>(bytes) / (1 << 20))));
        }
    }
    EXPECT_EQ(pool.bytes_in_use(), size_t{8} << 20);
    pool.release(some, size_t{8} << 20);
}

#ifdef __SANITIZE_ADDRESS__
TEST(MemoryPoolDeathTest, TheSanitizerSeesWhatIsNotOnesOwn) {
    MemoryPool pool;
    constexpr size_t kBytes = 1000;
    auto* memory = static_cast<volatile char*>(pool.allocate(kBytes));
    memory[kBytes - 1] = 1;
    EXPECT_DEATH(memory[kBytes] = 1, "use-after-poison");
    pool.release(const_cast<char*>(memory), kBytes);
    EXPECT_DEATH(memory[0] = 1, "use-after-poison");
}
#endif

TEST(MemoryPool, ManyThreadsAtOnce) {
    MemoryPool pool;
    std::vector<std::thread> threads;
    for (unsigned char t = 1; t <= 4; ++t) {
        threads.emplace_back([&pool, t] {
            for (size_t i = 0; i < 2000; ++i) {
                const size_t bytes = i % 20 == 0 ? 200'000 + i * t : 64 + i * 37 % 5000;
                auto* memory = static_cast<unsigned char*>(pool.allocate(bytes));
                std::memset(memory, t, bytes);
                std::this_thread::yield();
                ASSERT_EQ(memory[0], t);
                ASSERT_EQ(memory[bytes - 1], t);
                pool.release(memory, bytes);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(pool.bytes_in_use(), 0u);
}

}  // namespace
}  // namespace moco::cpu
