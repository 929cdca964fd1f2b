// Copies between host and device, and work of loaders beside the computing.
#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>

#include "cuda/check.h"
#include "tests/cuda/support.h"

namespace moco::cuda::testing {
namespace {

class CudaCopies : public OnDevice {};

std::vector<float> counted(size_t count, float first) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), first);
    return values;
}

TEST_F(CudaCopies, ComeBackAsTheyWent) {
    for (const size_t count : {size_t{1}, size_t{16384}, size_t{16385}, size_t{3} << 20, (size_t{6} << 20) + 1}) {
        const std::vector<float> values = counted(count, 0.5f);
        EXPECT_EQ(DeviceArray<float>(values).host(), values) << count;
    }
}

TEST_F(CudaCopies, ReadTheirSourceBeforeTheyReturn) {
    std::vector<float> source = counted(1000, 1);
    const std::vector<float> before = source;
    const DeviceArray<float> x(source);
    std::ranges::fill(source, -1.0f);
    EXPECT_EQ(x.host(), before);
}

TEST_F(CudaCopies, MoreThanTheBuffersHoldWaitForEachOther) {
    std::vector<std::unique_ptr<DeviceArray<float>>> arrays;
    for (int i = 0; i < 3; ++i)
        arrays.push_back(std::make_unique<DeviceArray<float>>(counted(size_t{8} << 20, static_cast<float>(i))));
    EXPECT_EQ(arrays[0]->host()[5], 5);
    EXPECT_EQ(arrays[2]->host()[5], 7);
}

TEST_F(CudaCopies, WithinTheDevice) {
    const DeviceArray<float> x(counted(77, 3));
    DeviceArray<float> y(77);
    device().copy(y.data(), x.data(), 77 * sizeof(float));
    EXPECT_EQ(y.host(), counted(77, 3));
    device().fill_zero(y.data(), 76 * sizeof(float));
    EXPECT_EQ(y.host()[75], 0);
    EXPECT_EQ(y.host()[76], 79);
}

TEST_F(CudaCopies, AReadbackHoldsWhatWasThereWhenItBegan) {
    DeviceArray<float> x(std::vector<float>{42});
    const std::unique_ptr<Readback> readback = device().read_later(x.data(), sizeof(float));
    device().fill_zero(x.data(), sizeof(float));
    const float value = *static_cast<const float*>(readback->wait());
    EXPECT_EQ(value, 42);
    EXPECT_TRUE(readback->ready());
}

TEST_F(CudaCopies, UploadsFromOtherThreadsAreThereAfterAwait) {
    constexpr size_t kCount = 1000;
    DeviceArray<float> x(kCount), y(kCount);
    for (int round = 0; round < 20; ++round) {
        const std::vector<float> values = counted(kCount, static_cast<float>(round));
        std::thread([&] { device().upload(x.data(), values.data(), kCount * sizeof(float)); }).join();
        device().await(x.data(), kCount * sizeof(float));
        device().relu_forward(DType::f32, x.data(), y.data(), kCount);
        EXPECT_EQ(y.host(), values);
    }
}

// The computing reads x; an upload issued after that must not overtake it, although it runs in another stream.
TEST_F(CudaCopies, AnUploadDoesNotOvertakeWhoeverReadsItsTarget) {
    constexpr size_t kCount = 1000;
    const std::vector<float> old_values = counted(kCount, 1), new_values = counted(kCount, 5000);
    DeviceArray<float> x(old_values), y(kCount);
    device().relu_forward(DType::f32, x.data(), y.data(), kCount);
    device().upload(x.data(), new_values.data(), kCount * sizeof(float));
    EXPECT_EQ(x.host(), new_values);  // a copy to the host awaits what it reads
    EXPECT_EQ(y.host(), old_values);
}

TEST_F(CudaCopies, MemoryGivenBackBeforeItsUploadIsDoneIsSafe) {
    constexpr size_t kBytes = 4096;
    const std::vector<float> late = counted(kBytes / sizeof(float), 1);
    void* const memory = device().allocate(kBytes);
    device().upload(memory, late.data(), kBytes);
    device().release(memory, kBytes);
    void* const again = device().allocate(kBytes);
    device().fill_zero(again, kBytes);
    std::vector<float> values(kBytes / sizeof(float), -1.0f);
    device().synchronize();
    device().copy_to_host(values.data(), again, kBytes);
    EXPECT_EQ(values, std::vector<float>(values.size(), 0.0f));
    device().release(again, kBytes);
}

TEST_F(CudaCopies, ScratchOfTheSideLaneIsTheLanes) {
    DeviceArray<float> y(16);
    const std::vector<float> values = counted(16, 1);
    for (int round = 0; round < 3; ++round) {
        device().side_lane().run(y.data(), 64, [&](SideLane::Turn& turn) {
            void* const scratch = turn.scratch(64);
            turn.upload(scratch, values.data(), 64);
            check_cuda(cudaMemcpyAsync(y.data(), scratch, 64, cudaMemcpyDeviceToDevice, turn.stream()), "a copy");
        });
    }
    EXPECT_EQ(y.host(), values);
}

TEST_F(CudaCopies, AFailedTurnLeavesTheLaneUsable) {
    DeviceArray<float> y(16);
    EXPECT_THROW(device().side_lane().run(y.data(), 64, [](SideLane::Turn&) { fail("no image"); }), Error);
    const std::vector<float> values = counted(16, 1);
    device().upload(y.data(), values.data(), 64);
    EXPECT_EQ(y.host(), values);
}

}  // namespace
}  // namespace moco::cuda::testing
