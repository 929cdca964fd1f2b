// Kernels that break a rule: the emulated device says which kernel, block and thread, and what the rule was.
#include <cmath>

#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

class EmulatedKernelFaults : public Emulated {};

/// What the device says when `kernel` runs on `grid` blocks of `block` threads.
template <typename... Parameters, typename... Arguments>
std::string fault_of(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
    return report_of([&] {
        launch_kernel("broken", kernel, grid, block, 0, nullptr, arguments...);
        return cudaSuccess;
    });
}

KERNEL(64) exits_before_the_barrier(int who) {
    if (static_cast<int>(threadIdx.x) == who) return;
    __syncthreads();
}

TEST_F(EmulatedKernelFaults, AThreadThatExitsWhileOthersWait) {
    EXPECT_THAT(fault_of(exits_before_the_barrier, 3, 64, 37),
                AllOf(HasSubstr("kernel broken, block (0,0,0): thread (0,0,0) waits at "),
                      HasSubstr("emulated_kernel_faults_test.cpp:"), HasSubstr("(__syncthreads)"),
                      HasSubstr("thread (37,0,0), which has exited")));
}

KERNEL(64) waits_at_two_barriers(int border) {
    if (static_cast<int>(threadIdx.x) < border)
        __syncthreads();
    else
        __syncthreads();
}

TEST_F(EmulatedKernelFaults, ThreadsThatWaitAtDifferentBarriers) {
    EXPECT_THAT(fault_of(waits_at_two_barriers, dim3(1, 2), 64, 32),
                AllOf(HasSubstr("kernel broken, block (0,0,0), thread (32,0,0): it waits at "),
                      HasSubstr("while others of its block wait at ")));
}

KERNEL(64) shuffles_without_a_lane(float* y) {
    if (threadIdx.x == 7) return;
    y[threadIdx.x] = __shfl_xor_sync(kFullMask, 1.0f, 1);
}

TEST_F(EmulatedKernelFaults, AShuffleThatALaneDoesNotReach) {
    const Memory<float> y(64);
    EXPECT_THAT(fault_of(shuffles_without_a_lane, 1, 64, y.data),
                AllOf(HasSubstr("thread (0,0,0) waits at "), HasSubstr("(__shfl_xor_sync)"),
                      HasSubstr("for thread (7,0,0), which has exited")));
}

KERNEL(64) shuffles_outside_its_mask(int* y) {
    y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0);
}

TEST_F(EmulatedKernelFaults, AShuffleWhoseMaskLacksTheCaller) {
    const Memory<int> y(32);
    EXPECT_THAT(fault_of(shuffles_outside_its_mask, 1, 32, y.data),
                HasSubstr("thread (16,0,0): it is not in the mask 0xffff"));
}

KERNEL(64) votes_in_part_of_a_warp(int* y) {
    y[threadIdx.x] = __all_sync(kFullMask, true);
}

TEST_F(EmulatedKernelFaults, AMaskWithLanesThatTheBlockDoesNotHave) {
    const Memory<int> y(20);
    EXPECT_THAT(fault_of(votes_in_part_of_a_warp, 1, 20, y.data), HasSubstr("threads that its block does not have"));
}

KERNEL(64) waits_where_others_shuffle() {
    if (threadIdx.x < 16)
        __syncwarp();
    else
        __syncthreads();
}

TEST_F(EmulatedKernelFaults, LanesThatWaitForEachOtherAtDifferentPlaces) {
    EXPECT_THAT(fault_of(waits_where_others_shuffle, 1, 32),
                AllOf(HasSubstr("(__syncwarp)"), HasSubstr("(__syncthreads)")));
}

KERNEL(64) shuffles_by_an_odd_width(int* y) {
    y[threadIdx.x] = __shfl_xor_sync(kFullMask, 1, 1, 12);
}

TEST_F(EmulatedKernelFaults, AWidthThatIsNoPowerOfTwo) {
    const Memory<int> y(32);
    EXPECT_THAT(fault_of(shuffles_by_an_odd_width, 1, 32, y.data), HasSubstr("not a power of two"));
}

KERNEL(64) writes_beyond_a_shared_array(int index) {
    SHARED_ARRAY(float, tile, [4][8]);
    SHARED_ARRAY(int, other, [3]);
    other[threadIdx.x % 3] = 1;
    tile[0][0] = 1;
    __syncthreads();
    if (threadIdx.x == 0) (&tile[0][0])[index] = 2;
}

TEST_F(EmulatedKernelFaults, AWriteBesideASharedArray) {
    if (emulated::kAddressSanitizer) {
        expect_asan_report([] { LAUNCH(writes_beyond_a_shared_array, 1, 32, 0, nullptr, 32); }, "use-after-poison");
        return;
    }
    EXPECT_THAT(fault_of(writes_beyond_a_shared_array, 1, 32, 32),
                HasSubstr("it wrote behind the end of the shared array tile (tests/cuda/"));
    EXPECT_THAT(fault_of(writes_beyond_a_shared_array, 1, 32, -1),
                HasSubstr("it wrote before the beginning of the shared array tile"));
}

KERNEL(64) writes_beyond_dynamic_shared(int index) {
    DYNAMIC_SHARED(float, values);
    if (threadIdx.x == 0) values[index] = 2;
}

TEST_F(EmulatedKernelFaults, AWriteBesideTheLaunchsSharedBytes) {
    if (emulated::kAddressSanitizer) return;
    EXPECT_THAT(report_of([] {
                    LAUNCH(writes_beyond_dynamic_shared, 1, 32, 40, nullptr, 10);
                    return cudaSuccess;
                }),
                AllOf(HasSubstr("writes_beyond_dynamic_shared"), HasSubstr("behind the end of the launch's dynamic")));
    EXPECT_THAT(fault_of(writes_beyond_dynamic_shared, 1, 32, 0), HasSubstr("its launch asked for no shared bytes"));
}

KERNEL(64) needs_too_much_shared_memory() {
    SHARED_ARRAY(float, half, [6144]);
    SHARED_ARRAY(float, more, [6145]);
    half[threadIdx.x] = more[threadIdx.x] = 0;
}

TEST_F(EmulatedKernelFaults, MoreSharedMemoryThanABlockMayHave) {
    EXPECT_THAT(fault_of(needs_too_much_shared_memory, 1, 32), HasSubstr("more than 49152 bytes of shared memory"));
}

KERNEL(64) writes_at(float* y, int index) {
    if (blockIdx.x == 1 && threadIdx.x == 5) y[index] = 1;
}

TEST_F(EmulatedKernelFaults, AWriteBesideDeviceMemory) {
    if (emulated::kAddressSanitizer) {
        const Memory<float> y(10);
        expect_asan_report([&] { LAUNCH(writes_at, 2, 32, 0, nullptr, y.data, 10); }, "use-after-poison");
        return;
    }
    for (const int index : {10, -1}) {
        const Memory<float> y(10);
        EXPECT_THAT(fault_of(writes_at, 2, 32, y.data, index),
                    HasSubstr(index < 0 ? "broken: something wrote before the beginning of a device allocation of 40"
                                        : "broken: something wrote behind the end of a device allocation of 40"));
    }
}

TEST_F(EmulatedKernelFaults, AnAddressFarBesideDeviceMemory) {
    if (emulated::kAddressSanitizer) return;
    const Memory<float> y(64);
    EXPECT_THAT(fault_of(writes_at, 2, 32, y.data, 64),  // 256 bytes: the next page belongs to nobody
                AllOf(HasSubstr("kernel broken, block (1,0,0), thread (5,0,0): it touched "),
                      HasSubstr("at the end of a device allocation of 256 bytes")));
}

TEST_F(EmulatedKernelFaults, MemoryThatWasFreed) {
    float* gone = nullptr;
    {
        const Memory<float> y(64);
        gone = y.data;
    }
    EXPECT_THAT(fault_of(writes_at, 2, 32, gone, 3),
                AllOf(HasSubstr("pointer argument 1 of 1"), HasSubstr("the beginning of a freed device allocation")));
    if (emulated::kAddressSanitizer) return;
    const Memory<float> other(1);
    const Memory<float*> hidden(std::vector<float*>{gone});
    struct Hidden {
        float* pointer;
    };
    static const auto kernel = +[](Hidden hidden_pointer) { hidden_pointer.pointer[0] = 1; };
    EXPECT_THAT(report_of([&] {
                    launch_kernel("hidden", kernel, 1, 1, 0, nullptr, Hidden{gone});
                    return cudaSuccess;
                }),
                AllOf(HasSubstr("it touched "), HasSubstr("the beginning of a freed device allocation of 256 bytes")));
}

TEST_F(EmulatedKernelFaults, HostMemoryAsAnArgument) {
    float host = 0;
    EXPECT_THAT(fault_of(writes_at, 1, 1, &host, 0),
                AllOf(HasSubstr("kernel broken: its pointer argument 1 of 1"), HasSubstr("memory of the host")));
}

KERNEL(64) divides(int* y, int by) {
    y[0] = 7 / by;
}

TEST_F(EmulatedKernelFaults, ADivisionBy0) {
    if (emulated::kAddressSanitizer) return;
    const Memory<int> y(1);
    EXPECT_THAT(fault_of(divides, 1, 1, y.data, 0), HasSubstr("it divided by 0"));
}

KERNEL(64) reads_fresh_memory(const float* x, float* y) {
    SHARED_ARRAY(float, tile, [64]);
    y[0] = tile[threadIdx.x];
    y[1] = x[0];
}

TEST_F(EmulatedKernelFaults, FreshMemoryIsNotANumber) {
    const Memory<float> x(1), y(2);
    LAUNCH(reads_fresh_memory, 1, 1, 0, nullptr, x.data, y.data);
    EXPECT_TRUE(std::isnan(y.host()[0]));
    EXPECT_TRUE(std::isnan(y.host()[1]));
}

TEST_F(EmulatedKernelFaults, ABrokenDeviceStaysBroken) {
    ::testing::internal::CaptureStderr();
    LAUNCH(exits_before_the_barrier, 1, 64, 0, nullptr, 0);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    ::testing::internal::GetCapturedStderr();
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
    EXPECT_THROW(LAUNCH(exits_before_the_barrier, 1, 64, 0, nullptr, 99), Error);
    emulated::reset_device();
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
}

}  // namespace
}  // namespace moco::cuda::testing
