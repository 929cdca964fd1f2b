// Memory of the emulated device: what the host does wrong with it is seen.
#include <cstdlib>
#include <cstring>

#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

class EmulatedMemory : public Emulated {};
using EmulatedMemoryDeathTest = EmulatedMemory;

float* allocated(size_t count) {
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, count * sizeof(float)), cudaSuccess);
    return static_cast<float*>(memory);
}

TEST_F(EmulatedMemory, IsAlignedAndKnown) {
    float* memory = allocated(33);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0);
    EXPECT_TRUE(emulated::is_device_memory(memory, 132));
    EXPECT_FALSE(emulated::is_device_memory(memory, 133));
    EXPECT_FALSE(emulated::is_device_memory(memory + 33, 0));
    EXPECT_FALSE(emulated::is_device_memory(&memory, 1));
    EXPECT_EQ(cudaFree(memory), cudaSuccess);
    EXPECT_FALSE(emulated::is_device_memory(memory, 1));
    EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
}

TEST_F(EmulatedMemory, FreesOnlyWhatWasAllocated) {
    float* memory = allocated(64);
    EXPECT_THAT(report_of([&] { return cudaFree(memory + 2); }), HasSubstr("8 bytes into a device allocation of 256"));
    memory = allocated(64);
    cudaFree(memory);
    EXPECT_THAT(report_of([&] { return cudaFree(memory); }), HasSubstr("the beginning of a freed device allocation"));
    EXPECT_THAT(report_of([&] { return cudaFreeHost(&memory); }), HasSubstr("memory of the host"));
}

TEST_F(EmulatedMemory, RunsOut) {
    emulated::settings().memory_bytes = 1000;
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 1001), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaMalloc(&memory, 600), cudaSuccess);
    size_t free = 0, total = 0;
    EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
    EXPECT_EQ(free, 400);
    EXPECT_EQ(total, 1000);
    EXPECT_EQ(cudaMalloc(&memory, 401), cudaErrorMemoryAllocation);
    EXPECT_EQ(memory, nullptr);
    EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
}

TEST_F(EmulatedMemory, RunsOutAtTheNthAllocation) {
    emulated::inject_failure(emulated::Failure::malloc, 3);
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
    EXPECT_EQ(cudaMallocHost(&memory, 4), cudaSuccess);
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
}

TEST_F(EmulatedMemory, CopiesMustFitTheirKindAndTheMemory) {
    const std::vector<float> host(65);
    std::vector<float> target(65);
    float* memory = allocated(64);
    const auto copy = [](void* to, const void* from, size_t count, cudaMemcpyKind kind) {
        return report_of([=] { return cudaMemcpy(to, from, count * sizeof(float), kind); });
    };
    EXPECT_THAT(copy(memory, host.data(), 65, cudaMemcpyHostToDevice), HasSubstr("a copy of 260 bytes to 0x"));
    memory = allocated(64);
    EXPECT_THAT(copy(target.data(), memory, 64, cudaMemcpyHostToDevice), HasSubstr("not as its kind"));
    memory = allocated(64);
    EXPECT_THAT(copy(memory, target.data(), 64, cudaMemcpyDeviceToDevice), HasSubstr("not as its kind"));
    memory = allocated(64);
    EXPECT_THAT(report_of([&] { return cudaMemset(memory + 1, 0, 256); }), HasSubstr("cudaMemset of 256 bytes at 0x"));
}

TEST_F(EmulatedMemory, CopiesThereAndBack) {
    const std::vector<float> host = {1, 2, 3, 4, 5};
    const Memory<float> a(host), b(5);
    EXPECT_EQ(cudaMemcpy(b.data, a.data, 20, cudaMemcpyDeviceToDevice), cudaSuccess);
    EXPECT_EQ(cudaMemset(b.data + 1, 0, 8), cudaSuccess);
    EXPECT_THAT(b.host(), ::testing::ElementsAre(1, 0, 0, 4, 5));
}

TEST_F(EmulatedMemoryDeathTest, TheHostMustNotTouchIt) {
    if (emulated::kAddressSanitizer) GTEST_SKIP() << "the address sanitizer reports in its own words";
    volatile float* memory = allocated(64);
    EXPECT_DEATH(memory[3] = 1, "the host touched 0x.*, 12 bytes into a device allocation of 256 bytes");
    EXPECT_DEATH(static_cast<void>(memory[0]), "the host touched 0x.*, the beginning of a device allocation");
}

// In a process of its own: what is forgotten there stays there.
void forget(size_t allocations) {
    setenv("MOCO_EMULATED_LEAKS", "fail", 1);
    while (allocations--) allocated(8);
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    std::exit(0);
}

TEST_F(EmulatedMemoryDeathTest, LeaksAreReportedAtExit) {
    EXPECT_EXIT(forget(2), ::testing::ExitedWithCode(23),
                "leaked at exit: 2 device allocations \\(64 bytes\\), 0 pinned, 1 streams, 0 events");
}

}  // namespace
}  // namespace moco::cuda::testing
