// Work that is recorded and replayed: the same results as without, in memory that nobody else gets.
#include <gmock/gmock.h>

#include "cuda/scratch.h"
#include "tests/cuda/support.h"
#include "tests/support/message.h"

namespace moco::cuda::testing {
namespace {

class CudaRecordedGraph : public OnDevice {};

constexpr int64_t kCount = 1000;
constexpr size_t kBytes = kCount * sizeof(float);

/// y = relu(x), by way of memory that is gone at the end.
void relu_by_detours(const float* x, float* y) {
    const Scratch<float> a(device(), kCount), b(device(), kCount);
    device().copy(a.get(), x, kBytes);
    device().relu_forward(DType::f32, a.get(), b.get(), kCount);
    device().copy(y, b.get(), kBytes);
}

std::vector<float> cut_off(std::vector<float> values) {
    for (float& value : values) value = value < 0 ? 0 : value;
    return values;
}

TEST_F(CudaRecordedGraph, RecordingDoesNothingAndReplaysDoItAgainWithNewValues) {
    DeviceArray<float> x(std::vector<float>(kCount, 1.0f)), y(std::vector<float>(kCount, 7.0f));
    const std::unique_ptr<Recording> recording = device().record([&] { relu_by_detours(x.data(), y.data()); });
    EXPECT_EQ(y.host(), std::vector<float>(kCount, 7.0f));
    for (uint32_t salt = 0; salt < 3; ++salt) {
        const std::vector<float> values = formula_values(kCount, salt);
        device().copy_from_host(x.data(), values.data(), kBytes);
        recording->replay();
        EXPECT_EQ(y.host(), cut_off(values));
    }
}

TEST_F(CudaRecordedGraph, WhatTheHostDoesBesideIsDoneWithEachReplay) {
    DeviceArray<float> x(std::vector<float>(kCount, 1.0f)), y(kCount);
    int done = 0;
    device().beside_work([&] { ++done; });
    EXPECT_EQ(done, 1) << "at once, where nothing is recorded";
    float value = 0;
    const std::unique_ptr<Recording> recording = device().record([&] {
        relu_by_detours(x.data(), y.data());
        device().beside_work([&] {
            value += 1;
            device().copy_from_host(x.data(), &value, sizeof value);  // before the device's work
        });
    });
    EXPECT_EQ(value, 0);
    for (int replay = 1; replay <= 3; ++replay) {
        recording->replay();
        EXPECT_EQ(y.host()[0], static_cast<float>(replay));
    }
}

TEST_F(CudaRecordedGraph, NobodyElseGetsItsMemory) {
    DeviceArray<float> x(std::vector<float>(kCount, 1.0f)), y(kCount);
    const size_t before = device().memory().bytes_in_use();
    {
        const std::unique_ptr<Recording> recording = device().record([&] { relu_by_detours(x.data(), y.data()); });
        EXPECT_GE(device().memory().bytes_in_use(), before + 2 * kBytes);
        const std::vector<float> threes(kCount, 3.0f);
        std::vector<std::unique_ptr<Scratch<float>>> others;
        for (int i = 0; i < 100; ++i) {
            others.push_back(std::make_unique<Scratch<float>>(device(), kCount));
            device().copy_from_host(others.back()->get(), threes.data(), kBytes);
        }
        recording->replay();
        for (const auto& other : others) {
            std::vector<float> values(kCount);
            device().copy_to_host(values.data(), other->get(), kBytes);
            ASSERT_EQ(values, threes);
        }
        EXPECT_EQ(y.host(), std::vector<float>(kCount, 1.0f));
    }
    EXPECT_EQ(device().memory().bytes_in_use(), before);
}

TEST_F(CudaRecordedGraph, MayAskForMoreMemory) {
    constexpr int64_t kMany = int64_t{20} << 20;
    DeviceArray<float> y(1);
    const std::unique_ptr<Recording> recording = device().record([&] {
        const Scratch<float> large(device(), kMany);
        device().fill_zero(large.get(), sizeof(float));
        device().copy(y.data(), large.get(), sizeof(float));
    });
    recording->replay();
    EXPECT_EQ(y.host()[0], 0);
}

TEST_F(CudaRecordedGraph, CopiesFromTheHostBringTheSameBytesAgain) {
    DeviceArray<float> y(2);
    const std::unique_ptr<Recording> recording = device().record([&] {
        const std::vector<float> values = {3, 4};
        device().copy_from_host(y.data(), values.data(), 2 * sizeof(float));
    });
    for (int i = 0; i < 2; ++i) {
        device().fill_zero(y.data(), 2 * sizeof(float));
        recording->replay();
        EXPECT_EQ(y.host(), (std::vector<float>{3, 4}));
    }
}

TEST_F(CudaRecordedGraph, CannotWait) {
    DeviceArray<float> x(std::vector<float>(kCount, 1.0f));
    const size_t before = device().memory().bytes_in_use();
    EXPECT_THAT(message_of([&] { device().record([&] { x.host(); }); }), ::testing::HasSubstr("cannot wait"));
    EXPECT_THAT(message_of([&] { device().record([&] { device().synchronize(); }); }),
                ::testing::HasSubstr("cannot wait"));
    EXPECT_EQ(device().memory().bytes_in_use(), before);
    EXPECT_EQ(x.host()[0], 1);  // the device computes on
}

}  // namespace
}  // namespace moco::cuda::testing
