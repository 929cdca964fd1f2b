// What kernels that keep the rules get from the emulated device, under every schedule; and what a schedule shows.
#include <set>

#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

class EmulatedThreads : public Emulated {};

/// What kernel(int*) writes for each of the threads of a block.
std::vector<int> results(void (*kernel)(int*), dim3 grid, dim3 block) {
    const size_t threads = size_t{block.x} * block.y * block.z * grid.x * grid.y * grid.z;
    const Memory<int> y(threads);
    launch_kernel("results", kernel, grid, block, 0, nullptr, y.data);
    return y.host();
}

DEVICE int my_index() {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    return static_cast<int>(block * (blockDim.x * blockDim.y * blockDim.z) + thread);
}

KERNEL(128) indices(int* y) {
    y[my_index()] = my_index();
}

TEST_F(EmulatedThreads, EveryThreadRunsOnce) {
    under_every_schedule([] {
        const std::vector<int> got = results(indices, dim3(3, 5, 2), dim3(7, 3, 2));
        for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], static_cast<int>(i));
    });
}

KERNEL(1024) sums(int* y) {
    SHARED_ARRAY(int, partial, [32]);
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
    int sum = static_cast<int>(threadIdx.x);
    for (int offset = 16; offset; offset /= 2) sum += __shfl_xor_sync(kFullMask, sum, offset);
    if (threadIdx.x % kWarpSize == 0) partial[warp] = sum;
    __syncthreads();
    int total = 0;
    for (unsigned i = 0; i < blockDim.x / kWarpSize; ++i) total += partial[i];
    y[my_index()] = total;
}

TEST_F(EmulatedThreads, ABlockSums) {
    under_every_schedule([] {
        for (const unsigned threads : {32u, 96u, 256u, 1024u}) {
            for (const int got : results(sums, 3, threads))
                ASSERT_EQ(got, static_cast<int>(threads * (threads - 1) / 2));
        }
    });
}

KERNEL(32) exchanges(int* y) {
    const int lane = static_cast<int>(threadIdx.x);
    y += 12 * lane;
    y[0] = __shfl_sync(kFullMask, lane, 5);
    y[1] = __shfl_sync(kFullMask, lane, 5, 8);
    y[2] = __shfl_up_sync(kFullMask, lane, 3);
    y[3] = __shfl_up_sync(kFullMask, lane, 3, 16);
    y[4] = __shfl_down_sync(kFullMask, lane, 3);
    y[5] = __shfl_down_sync(kFullMask, lane, 3, 16);
    y[6] = __shfl_xor_sync(kFullMask, lane, 9);
    y[7] = static_cast<int>(__ballot_sync(kFullMask, lane % 3 == 0));
    y[8] = __any_sync(kFullMask, lane == 9) + 2 * __any_sync(kFullMask, false);
    y[9] = __all_sync(kFullMask, lane < 32) + 2 * __all_sync(kFullMask, lane != 9);
    y[10] = __syncthreads_count(lane % 5 == 0);
    y[11] = static_cast<int>(__shfl_xor_sync(kFullMask, 1e10 + lane, 1) - 1e10);
}

TEST_F(EmulatedThreads, ExchangesWithinAWarp) {
    under_every_schedule([] {
        const Memory<int> y(12 * 32);
        LAUNCH(exchanges, 1, 32, 0, nullptr, y.data);
        const std::vector<int> got = y.host();
        for (int lane = 0; lane < 32; ++lane) {
            SCOPED_TRACE(lane);
            const int section = lane / 16 * 16;
            const std::vector<int> expected = {5,
                                               lane / 8 * 8 + 5,
                                               lane < 3 ? lane : lane - 3,
                                               lane - section < 3 ? lane : lane - 3,
                                               lane + 3 < 32 ? lane + 3 : lane,
                                               lane + 3 < section + 16 ? lane + 3 : lane,
                                               lane ^ 9,
                                               0x49249249,
                                               1,
                                               1,
                                               7,
                                               lane ^ 1};
            EXPECT_EQ(std::vector<int>(got.begin() + 12 * lane, got.begin() + 12 * (lane + 1)), expected);
        }
    });
}

KERNEL(64) halves_exchange(int* y) {
    const int lane = static_cast<int>(threadIdx.x) % kWarpSize;
    const unsigned mask = lane < 16 ? 0x0000ffffu : 0xffff0000u;
    y[threadIdx.x] = __shfl_sync(mask, static_cast<int>(threadIdx.x), lane < 16 ? 3 : 20);
}

TEST_F(EmulatedThreads, MasksThatDivideAWarp) {
    under_every_schedule([] {
        const std::vector<int> got = results(halves_exchange, 1, 64);
        for (int i = 0; i < 64; ++i) EXPECT_EQ(got[static_cast<size_t>(i)], i / 32 * 32 + (i % 32 < 16 ? 3 : 20));
    });
}

KERNEL(64) takes_tickets(int* y) {
    y[1 + my_index()] = atomicAdd(y, 1);
}

TEST_F(EmulatedThreads, AtomicsLoseNothingAndTheirOrderIsTheSchedules) {
    std::set<std::vector<int>> orders;
    under_every_schedule([&] {
        const Memory<int> y(std::vector<int>(1 + 3 * 64));
        LAUNCH(takes_tickets, 3, 64, 0, nullptr, y.data);
        const std::vector<int> got = y.host();
        EXPECT_EQ(got[0], 3 * 64);
        EXPECT_EQ(std::set<int>(got.begin() + 1, got.end()).size(), 3 * 64);
        orders.insert(got);
    });
    EXPECT_EQ(orders.size(), 7) << "each schedule and seed has an order of its own";
}

constexpr int kReversesLine = __LINE__ + 7;  // from here to the barrier

template <int kBarrier>
KERNEL(128)
reverses(int* y) {
    SHARED_ARRAY(int, tile, [128]);
    tile[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (kBarrier) __syncthreads();  // kReversesLine
    y[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

TEST_F(EmulatedThreads, AMissingBarrierShows) {
    under_every_schedule([] {
        std::vector<int> expected;
        for (int i = 127; i >= 0; --i) expected.push_back(i);
        EXPECT_EQ(results(reverses<1>, 1, 128), expected);
        EXPECT_NE(results(reverses<0>, 1, 128), expected);
    });
}

TEST_F(EmulatedThreads, ABarrierCanBeSwitchedOff) {
    const std::vector<int> with = results(reverses<1>, 1, 128);
    const std::string place = "tests/cuda/emulated_threads_test.cpp:" + std::to_string(kReversesLine);
    EXPECT_THAT(emulated::reached_sites(), ::testing::Contains(place + " __syncthreads"));
    emulated::switch_site_off(place);
    EXPECT_NE(results(reverses<1>, 1, 128), with);
    emulated::switch_site_off("");
    EXPECT_EQ(results(reverses<1>, 1, 128), with);
}

}  // namespace
}  // namespace moco::cuda::testing
