// Launches that a device would refuse, and calls that are told to fail.
#include "tests/cuda/emulated_support.h"
#include "tests/support/message.h"

namespace moco::cuda::testing {
namespace {

using moco::testing::message_of;

class EmulatedLaunch : public Emulated {};

KERNEL(96) counts(int* y) {
    if (threadIdx.x == 0) y[blockIdx.x] = static_cast<int>(gridDim.x);
}

template <typename E>
KERNEL(256)
counts_too(E* y) {
    if (threadIdx.x == 0) y[blockIdx.x] = static_cast<E>(gridDim.x);
}

// What LAUNCH says, and what the device adds to it.
std::string refusal_of(dim3 grid, dim3 block, size_t shared_bytes) {
    ::testing::internal::CaptureStderr();
    const std::string message = message_of([&] { LAUNCH(counts, grid, block, shared_bytes, nullptr, nullptr); });
    ::testing::internal::GetCapturedStderr();
    return message + " | " + emulated::last_report();
}

TEST_F(EmulatedLaunch, NamesTheKernelAndTheConfiguration) {
    EXPECT_THAT(refusal_of(3, 0, 0), AllOf(HasSubstr("the launch of counts with 3x1x1 blocks of 0x1x1 threads"),
                                           HasSubstr("cudaErrorInvalidConfiguration"), HasSubstr("a dimension is 0")));
}

TEST_F(EmulatedLaunch, ChecksItsLimits) {
    EXPECT_THAT(refusal_of(0, 32, 0), HasSubstr("a dimension is 0"));
    EXPECT_THAT(refusal_of(1, dim3(32, 33), 0), HasSubstr("a block has at most 1024 threads"));
    EXPECT_THAT(refusal_of(1, dim3(1, 1, 65), 0), HasSubstr("64 in z"));
    EXPECT_THAT(refusal_of(dim3(1, 65536), 32, 0), HasSubstr("a grid has at most"));
    EXPECT_THAT(refusal_of(1, 32, 49153), HasSubstr("49153 shared bytes are more than the kernel may have (49152)"));
}

TEST_F(EmulatedLaunch, KnowsTheLaunchBounds) {
    const int bounds = emulated::launch_bounds(reinterpret_cast<const void*>(counts));
    if (bounds == 0) GTEST_SKIP() << "this compiler does not tell them";
    EXPECT_EQ(bounds, 96);
    EXPECT_EQ(emulated::launch_bounds(reinterpret_cast<const void*>(counts_too<float>)), 256);
    EXPECT_THAT(refusal_of(1, 128, 0), HasSubstr("blocks of 128 threads, but its launch bounds are 96"));
}

TEST_F(EmulatedLaunch, GivesMoreSharedMemoryToWhoAsks) {
    const auto* kernel = reinterpret_cast<const void*>(counts);
    EXPECT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 1 << 20),
              cudaErrorInvalidValue);
    cudaGetLastError();
    ASSERT_EQ(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000), cudaSuccess);
    const Memory<int> y(2);
    LAUNCH(counts, 2, 32, 100000, nullptr, y.data);
    EXPECT_EQ(y.host()[1], 2);
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 48 << 10);
}

TEST_F(EmulatedLaunch, FailsWhenItIsTold) {
    const Memory<int> y(2);
    emulated::inject_failure(emulated::Failure::launch, 2);
    LAUNCH(counts, 2, 32, 0, nullptr, y.data);
    EXPECT_THAT(message_of([&] { LAUNCH(counts, 2, 32, 0, nullptr, y.data); }),
                HasSubstr("cudaErrorLaunchOutOfResources"));
    LAUNCH(counts, 2, 32, 0, nullptr, y.data);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(EmulatedLaunch, LibrariesAskWhetherTheyAreToFail) {
    emulated::inject_failure(emulated::Failure::library, 1);
    EXPECT_FALSE(emulated::injected_failure(emulated::Failure::launch));
    EXPECT_TRUE(emulated::injected_failure(emulated::Failure::library));
    EXPECT_FALSE(emulated::injected_failure(emulated::Failure::library));
}

TEST_F(EmulatedLaunch, HasProperties) {
    cudaDeviceProp properties;
    ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
    EXPECT_THAT(properties.name, HasSubstr("emulated"));
    int value = 0;
    EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0), cudaSuccess);
    EXPECT_EQ(value, properties.multiProcessorCount);
    EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace moco::cuda::testing
