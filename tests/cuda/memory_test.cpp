// The caching allocator: what is handed out again, joined, given back, and said when there is no more.
#include "cuda/memory.h"

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "tests/cuda/support.h"
#include "tests/support/message.h"

namespace moco::cuda::testing {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class CudaMemory : public OnDevice {};

TEST_F(CudaMemory, BlocksAreAlignedAndApart) {
    MemoryPool pool;
    std::vector<std::pair<char*, size_t>> blocks;
    for (const size_t bytes : {size_t{0}, size_t{1}, size_t{255}, size_t{257}, kMiB / 8, kMiB, 3 * kMiB}) {
        auto* const memory = static_cast<char*>(pool.allocate(bytes));
        EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
        for (const auto& [other, other_bytes] : blocks)
            EXPECT_TRUE(memory + bytes <= other || other + other_bytes <= memory);
        blocks.emplace_back(memory, bytes);
    }
    for (const auto& [memory, bytes] : blocks) pool.release(memory, bytes);
    EXPECT_EQ(pool.bytes_in_use(), 0u);
}

TEST_F(CudaMemory, TheSameStepAsksTheDeviceForNothing) {
    MemoryPool pool;
    size_t held = 0;
    std::vector<void*> first;
    for (int step = 0; step < 3; ++step) {
        std::vector<void*> blocks;
        for (const size_t bytes : {5 * kMiB, 100 * size_t{1}, 2 * kMiB, 9 * kMiB})
            blocks.push_back(pool.allocate(bytes));
        if (step == 0) held = pool.bytes_held(), first = blocks;
        EXPECT_EQ(blocks, first);
        pool.release(blocks[2], 2 * kMiB);
        pool.release(blocks[0], 5 * kMiB);
        pool.release(blocks[3], 9 * kMiB);
        pool.release(blocks[1], 100);
    }
    EXPECT_EQ(pool.bytes_held(), held);
}

TEST_F(CudaMemory, FreeNeighboursBecomeOneBlock) {
    MemoryPool pool;
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(pool.allocate(3 * kMiB));
    const size_t held = pool.bytes_held();
    for (void* const block : blocks) pool.release(block, 3 * kMiB);
    void* const all = pool.allocate(12 * kMiB);
    EXPECT_EQ(pool.bytes_held(), held);
    pool.release(all, 12 * kMiB);
}

TEST_F(CudaMemory, CountsWhatIsInUse) {
    MemoryPool pool;
    void* const a = pool.allocate(1000);
    EXPECT_EQ(pool.bytes_in_use(), 1024u);
    void* const b = pool.allocate(kMiB);
    pool.release(a, 1000);
    EXPECT_EQ(pool.bytes_in_use(), kMiB);
    EXPECT_EQ(pool.peak_bytes(), kMiB + 1024);
    pool.reset_peak();
    EXPECT_EQ(pool.peak_bytes(), kMiB);
    EXPECT_TRUE(pool.owns(b));
    EXPECT_FALSE(pool.owns(&pool));
    pool.release(b, kMiB);
    pool.release(nullptr, 5);
    EXPECT_EQ(pool.bytes_in_use(), 0u);
}

TEST_F(CudaMemory, TrimGivesBackWhatIsWhollyFree) {
    MemoryPool pool;
    void* const kept = pool.allocate(20 * kMiB);
    void* const gone = pool.allocate(40 * kMiB);
    pool.release(gone, 40 * kMiB);
    const size_t held = pool.bytes_held();
    pool.trim();
    EXPECT_LE(pool.bytes_held(), held - 40 * kMiB);
    EXPECT_TRUE(pool.owns(kept));
    pool.release(kept, 20 * kMiB);
    pool.trim();
    EXPECT_EQ(pool.bytes_held(), 0u);
}

TEST_F(CudaMemory, WithoutCachingEveryBlockIsTheDevicesOwn) {
    MemoryPool pool(Caching::no);
    void* const a = pool.allocate(1000);
    void* const b = pool.allocate(10);
    EXPECT_EQ(pool.bytes_held(), 1024u + 256u);
    pool.release(a, 1000);
    EXPECT_EQ(pool.bytes_held(), 256u);
    pool.release(b, 10);
    EXPECT_EQ(pool.bytes_held(), 0u);
}

TEST_F(CudaMemory, SaysWhatWasAskedAndWhatIsHeldWhenThereIsNoMore) {
    MemoryPool pool;
    void* const a = pool.allocate(3 * kMiB);
    for (const size_t bytes : {size_t{1} << 46, ~size_t{0}}) {
        const std::string message = message_of([&] { pool.allocate(bytes); });
        EXPECT_THAT(message, ::testing::HasSubstr("out of memory: the CUDA backend asked the device for"));
        EXPECT_THAT(message, ::testing::HasSubstr("(3.0 MiB of it in use)"));
    }
    pool.release(a, 3 * kMiB);
    void* const again = pool.allocate(kMiB);  // the pool goes on
    pool.release(again, kMiB);
}

TEST_F(CudaMemory, ServesManyThreads) {
    MemoryPool pool;
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&pool, t] {
            for (size_t i = 0; i < 200; ++i) {
                const size_t bytes = 1 + (i * 7919 + t * 104729) % (300 << 10);
                void* const memory = pool.allocate(bytes);
                pool.release(memory, bytes);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(pool.bytes_in_use(), 0u);
}

}  // namespace
}  // namespace moco::cuda::testing
