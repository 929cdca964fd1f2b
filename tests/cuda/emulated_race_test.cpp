// Data races, found in kernels that are compiled so that every access is watched (preset emulated-race).
#include "cuda/emulated/race.h"
#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

class EmulatedRaces : public Emulated {
  protected:
    void SetUp() override {
        Emulated::SetUp();
        if (!emulated::races_are_watched()) GTEST_SKIP() << "only in the preset emulated-race";
    }
};

template <typename... Parameters, typename... Arguments>
std::string race_of(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
    return report_of([&] {
        launch_kernel("racing", kernel, grid, block, 0, nullptr, arguments...);
        return cudaSuccess;
    });
}

template <typename... Parameters, typename... Arguments>
void expect_no_race(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
    under_every_schedule([&] {
        launch_kernel("orderly", kernel, grid, block, 0, nullptr, arguments...);
        EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << emulated::last_report();
    });
}

// Each thread reads what its neighbour wrote; `kBarriers`: 1 in between, 2 also before it is written again.
template <int kBarriers>
KERNEL(64)
shifts(int* y) {
    SHARED_ARRAY(int, tile, [64]);
    for (int round = 0; round < 2; ++round) {
        tile[threadIdx.x] = round;
        if (kBarriers > 0) __syncthreads();
        y[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
        if (kBarriers > 1) __syncthreads();
    }
}

TEST_F(EmulatedRaces, BarriersOrderABlock) {
    const Memory<int> y(64);
    expect_no_race(shifts<2>, 1, 64, y.data);
}

TEST_F(EmulatedRaces, AReadBeforeTheWriteItNeeds) {
    const Memory<int> y(64);
    EXPECT_THAT(race_of(shifts<0>, 1, 64, y.data),
                AllOf(HasSubstr("kernel racing, block (0,0,0), thread ("), HasSubstr("a race: it "),
                      HasSubstr("of the shared array tile (tests/cuda/emulated_race_test.cpp:"),
                      HasSubstr("nothing orders the two")));
}

TEST_F(EmulatedRaces, AWriteBeforeAllHaveRead) {
    const Memory<int> y(64);
    EXPECT_THAT(race_of(shifts<1>, 1, 64, y.data),
                AllOf(HasSubstr("it writes byte "), HasSubstr("reads"), HasSubstr("nothing orders the two")));
}

template <bool kSync>
KERNEL(64)
shifts_in_warps(int* y) {
    SHARED_ARRAY(int, tile, [64]);
    const unsigned lane = threadIdx.x % 32, first = threadIdx.x - lane;
    for (int round = 0; round < 2; ++round) {
        tile[threadIdx.x] = round;
        if (kSync) __syncwarp();
        y[threadIdx.x] = tile[first + (lane + 1) % 32] + __shfl_xor_sync(kFullMask, round, 1);
        if (kSync) __syncwarp();
    }
}

TEST_F(EmulatedRaces, WarpBarriersOrderAWarpAndShufflesDoNot) {
    const Memory<int> y(64);
    expect_no_race(shifts_in_warps<true>, 1, 64, y.data);
    EXPECT_THAT(race_of(shifts_in_warps<false>, 1, 64, y.data), HasSubstr("nothing orders the two"));
}

template <bool kSync>
KERNEL(64)
shifts_across_warps(int* y) {
    SHARED_ARRAY(int, tile, [64]);
    tile[threadIdx.x] = 1;
    __syncwarp();
    if (kSync) __syncthreads();
    y[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
}

TEST_F(EmulatedRaces, AWarpBarrierDoesNotOrderABlock) {
    const Memory<int> y(64);
    expect_no_race(shifts_across_warps<true>, 1, 64, y.data);
    EXPECT_THAT(race_of(shifts_across_warps<false>, 1, 64, y.data), HasSubstr("nothing orders the two"));
}

KERNEL(64) writes_one_place(int* y) {
    if (threadIdx.x == 0) y[0] = static_cast<int>(blockIdx.x);
}

KERNEL(64) reads_another_blocks(int* y) {
    if (threadIdx.x == 0) y[blockIdx.x] = y[(blockIdx.x + 1) % gridDim.x];
}

KERNEL(64) counts_together(int* y) {
    atomicAdd(y, 1);
}

KERNEL(64) reads_while_others_count(int* y) {
    atomicAdd(y, 1);
    y[1 + threadIdx.x] = y[0];
}

TEST_F(EmulatedRaces, NothingOrdersBlocksButAtomics) {
    const Memory<int> y(std::vector<int>(65));
    EXPECT_THAT(race_of(writes_one_place, 2, 64, y.data), HasSubstr("another block writes"));
    const Memory<int> z(std::vector<int>(65));
    EXPECT_THAT(race_of(reads_another_blocks, 3, 64, z.data), HasSubstr("another block"));
    const Memory<int> u(std::vector<int>(65));
    EXPECT_THAT(race_of(reads_while_others_count, 1, 64, u.data), HasSubstr("updates"));
    const Memory<int> v(std::vector<int>(65));
    expect_no_race(counts_together, 3, 64, v.data);
    expect_no_race(writes_one_place, 1, 64, v.data);
}

KERNEL(64) writes_bytes(unsigned char* y) {
    y[threadIdx.x] = static_cast<unsigned char>(threadIdx.x);
}

TEST_F(EmulatedRaces, NeighbouringBytesAreNotARace) {
    const Memory<unsigned char> y(64);
    expect_no_race(writes_bytes, 1, 64, y.data);
}

KERNEL(64) reads_at(const float* x, float* y, int index) {
    SHARED_ARRAY(float, tile, [4]);
    tile[threadIdx.x % 4 + static_cast<unsigned>(index) / 64] = 1;
    y[0] = x[index];
}

TEST_F(EmulatedRaces, AccessesBesideMemory) {
    const Memory<float> x(10), y(10);
    EXPECT_THAT(race_of(reads_at, 1, 1, x.data, y.data, 10),
                AllOf(HasSubstr("it touches 0x"), HasSubstr("at the end of a device allocation of 40 bytes")));
    const Memory<float> x2(10), y2(10);
    EXPECT_THAT(race_of(reads_at, 1, 1, x2.data, y2.data, 256),
                HasSubstr("shared memory behind the shared array tile"));
}

struct Holder {
    float* pointer;
};

KERNEL(64) follows(Holder holder) {
    holder.pointer[0] = 1;
}

TEST_F(EmulatedRaces, AHostPointerWithinAnArgument) {
    float host = 0;
    EXPECT_THAT(race_of(follows, 1, 1, Holder{&host}), HasSubstr("it touches 0x"));
    static float global = 0;
    EXPECT_THAT(race_of(follows, 1, 1, Holder{&global}), HasSubstr("memory of the host"));
}

}  // namespace
}  // namespace moco::cuda::testing
