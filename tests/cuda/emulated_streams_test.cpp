// Streams of the emulated device run late and in any order that their declared dependencies leave: what relies on more
// shows, under one schedule or another.
#include <cmath>
#include <set>

#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

KERNEL(32) fill(float* y, float value) {
    y[threadIdx.x] = value;
}

KERNEL(32) add_one(const float* x, float* y) {
    y[threadIdx.x] = x[threadIdx.x] + 1;
}

class EmulatedStreams : public Emulated {
  protected:
    void SetUp() override {
        Emulated::SetUp();
        cudaStreamCreateWithFlags(&a_, cudaStreamNonBlocking);
        cudaStreamCreateWithFlags(&b_, cudaStreamNonBlocking);
        cudaEventCreateWithFlags(&event_, cudaEventDisableTiming);
    }
    void TearDown() override {
        cudaEventDestroy(event_);
        Emulated::TearDown();
    }

    cudaStream_t a_ = nullptr, b_ = nullptr;
    cudaEvent_t event_ = nullptr;
};

/// Pinned memory for 32 numbers.
struct Pinned {
    Pinned() { cudaMallocHost(reinterpret_cast<void**>(&data), 128); }
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() {
        if (emulated::is_pinned_memory(data, 1)) cudaFreeHost(data);
    }
    float* data = nullptr;
};

TEST_F(EmulatedStreams, RunAtASynchronisation) {
    const Memory<float> y(32);
    const Pinned host;
    LAUNCH(fill, 1, 32, 0, a_, y.data, 3.0f);
    cudaMemcpyAsync(host.data, y.data, 128, cudaMemcpyDeviceToHost, a_);
    EXPECT_TRUE(std::isnan(host.data[0])) << "the host reads too early";
    EXPECT_EQ(cudaStreamSynchronize(a_), cudaSuccess);
    EXPECT_EQ(host.data[0], 3);
}

// One stream's kernel reads what the other's writes: with and without a wait in between.
float result_of_two(cudaStream_t a, cudaStream_t b, cudaEvent_t event) {
    const Memory<float> x(32), y(32);
    const Pinned host;
    LAUNCH(fill, 1, 32, 0, a, x.data, 3.0f);
    if (event) {
        cudaEventRecord(event, a);
        cudaStreamWaitEvent(b, event, 0);
    }
    LAUNCH(add_one, 1, 32, 0, b, x.data, y.data);
    cudaMemcpyAsync(host.data, y.data, 128, cudaMemcpyDeviceToHost, b);
    cudaStreamSynchronize(b);
    return host.data[0];
}

TEST_F(EmulatedStreams, AWaitOrdersThem) {
    under_every_schedule([&] { EXPECT_EQ(result_of_two(a_, b_, event_), 4); });
}

TEST_F(EmulatedStreams, AMissingWaitShows) {
    EXPECT_TRUE(std::isnan(result_of_two(a_, b_, nullptr)));
}

// The first stream still reads what the second overwrites.
float result_of_overwriting(cudaStream_t a, cudaStream_t b, cudaEvent_t event) {
    const Memory<float> x(32), y(32);
    const Pinned host;
    LAUNCH(fill, 1, 32, 0, a, x.data, 3.0f);
    cudaStreamSynchronize(a);
    LAUNCH(add_one, 1, 32, 0, a, x.data, y.data);
    if (event) {
        cudaEventRecord(event, a);
        cudaStreamWaitEvent(b, event, 0);
    }
    LAUNCH(fill, 1, 32, 0, b, x.data, 100.0f);
    cudaMemcpyAsync(host.data, y.data, 128, cudaMemcpyDeviceToHost, a);
    cudaStreamSynchronize(a);
    return host.data[0];
}

TEST_F(EmulatedStreams, OverwritingTooEarlyShowsUnderOneScheduleOrAnother) {
    std::set<float> with, without;
    under_every_schedule([&] {
        with.insert(result_of_overwriting(a_, b_, event_));
        without.insert(result_of_overwriting(a_, b_, nullptr));
    });
    EXPECT_EQ(with, std::set<float>{4});
    EXPECT_EQ(without, (std::set<float>{4, 101}));
}

TEST_F(EmulatedStreams, AnEventHoldsTheWorkBeforeItsRecord) {
    const Memory<float> x(32);
    const Pinned host;
    LAUNCH(fill, 1, 32, 0, a_, x.data, 3.0f);
    cudaMemcpyAsync(host.data, x.data, 128, cudaMemcpyDeviceToHost, a_);
    cudaEventRecord(event_, a_);
    LAUNCH(fill, 1, 32, 0, a_, x.data, 5.0f);
    EXPECT_EQ(cudaEventSynchronize(event_), cudaSuccess);
    EXPECT_EQ(host.data[31], 3);
}

TEST_F(EmulatedStreams, WhoAsksAgainAndAgainGetsOn) {
    const Memory<float> x(32);
    under_every_schedule([&] {
        for (int i = 0; i < 3; ++i) LAUNCH(fill, 1, 32, 0, a_, x.data, 3.0f);
        cudaEventRecord(event_, a_);
        EXPECT_EQ(cudaEventQuery(event_), cudaErrorNotReady);
        while (cudaStreamQuery(a_) == cudaErrorNotReady) {
        }
        EXPECT_EQ(cudaEventQuery(event_), cudaSuccess);
    });
}

TEST_F(EmulatedStreams, TheDefaultStreamIsOrderedWithBlockingOnes) {
    cudaStream_t blocking = nullptr;
    cudaStreamCreate(&blocking);
    under_every_schedule([&] {
        EXPECT_EQ(result_of_two(blocking, nullptr, nullptr), 4);
        EXPECT_EQ(result_of_two(nullptr, blocking, nullptr), 4);
    });
    cudaStreamDestroy(blocking);
}

TEST_F(EmulatedStreams, ADestroyedStreamStillDoesItsWork) {
    const Memory<float> x(32);
    LAUNCH(fill, 1, 32, 0, a_, x.data, 3.0f);
    EXPECT_EQ(cudaStreamDestroy(a_), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(a_), cudaErrorInvalidResourceHandle);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(x.host()[0], 3);
}

TEST_F(EmulatedStreams, TheHostMustNotChangeWhatACopyReads) {
    const Memory<float> x(32);
    const Pinned host;
    host.data[0] = 1;
    const auto copy_then_change = [&] {
        const cudaError_t status = cudaMemcpyAsync(x.data, host.data, 128, cudaMemcpyHostToDevice, a_);
        host.data[0] = 2;
        return status;
    };
    EXPECT_THAT(report_of(copy_then_change), HasSubstr("the host changed 128 bytes of pinned memory"));
}

TEST_F(EmulatedStreams, TheHostMustNotWriteWhereACopyWrites) {
    const Memory<float> x(32);
    const Pinned host;
    const auto copy_then_write = [&] {
        const cudaError_t status = cudaMemcpyAsync(host.data, x.data, 128, cudaMemcpyDeviceToHost, a_);
        host.data[9] = 2;
        return status;
    };
    EXPECT_THAT(report_of(copy_then_write), HasSubstr("the host wrote to 128 bytes at "));
}

TEST_F(EmulatedStreams, PageableMemoryIsReadBeforeTheCallReturns) {
    std::vector<float> host(32, 7.0f);
    const Memory<float> x(32);
    cudaMemcpyAsync(x.data, host.data(), 128, cudaMemcpyHostToDevice, a_);
    host.assign(32, 0.0f);
    cudaStreamSynchronize(a_);
    EXPECT_EQ(x.host()[0], 7);
}

}  // namespace
}  // namespace moco::cuda::testing
