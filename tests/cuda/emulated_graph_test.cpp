// Graphs of the emulated device.
#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

KERNEL(32) increase(float* y, const float* by) {
    y[threadIdx.x] += *by;
}

class EmulatedGraph : public Emulated {
  protected:
    void SetUp() override {
        Emulated::SetUp();
        cudaStreamCreateWithFlags(&a_, cudaStreamNonBlocking);
        cudaStreamCreateWithFlags(&b_, cudaStreamNonBlocking);
        for (cudaEvent_t& event : events_) cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    }
    void TearDown() override {
        for (cudaEvent_t event : events_) cudaEventDestroy(event);
        Emulated::TearDown();
    }

    cudaStream_t a_ = nullptr, b_ = nullptr;
    cudaEvent_t events_[2] = {};
};

TEST_F(EmulatedGraph, RunsWhatWasCapturedAgainAndAgain) {
    const Memory<float> y(std::vector<float>(32)), by(std::vector<float>{2});
    ASSERT_EQ(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal), cudaSuccess);
    LAUNCH(increase, 1, 32, 0, a_, y.data, by.data);
    EXPECT_EQ(cudaStreamSynchronize(a_), cudaErrorStreamCaptureUnsupported);
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorStreamCaptureUnsupported);
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(a_, &graph), cudaSuccess);
    EXPECT_EQ(y.host()[0], 0) << "nothing runs while it is captured";
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    cudaGraphLaunch(executable, a_);
    cudaGraphLaunch(executable, a_);
    cudaStreamSynchronize(a_);
    EXPECT_EQ(y.host()[31], 4);
    EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
}

TEST_F(EmulatedGraph, HoldsTheOrderOfTwoStreams) {
    const Memory<float> y(std::vector<float>(32)), by(std::vector<float>{2}), more(std::vector<float>{3});
    cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal);
    cudaMemsetAsync(y.data, 0, 128, a_);
    cudaEventRecord(events_[0], a_);
    cudaStreamWaitEvent(b_, events_[0], 0);
    LAUNCH(increase, 1, 32, 0, b_, y.data, by.data);
    cudaEventRecord(events_[1], b_);
    cudaStreamWaitEvent(a_, events_[1], 0);
    LAUNCH(increase, 1, 32, 0, a_, y.data, more.data);
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(a_, &graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    cudaGraphInstantiate(&executable, graph, 0);
    under_every_schedule([&] {
        cudaGraphLaunch(executable, a_);
        cudaStreamSynchronize(a_);
        EXPECT_EQ(y.host()[4], 5);
    });
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
}

TEST_F(EmulatedGraph, MustBeJoined) {
    const Memory<float> y(std::vector<float>(32));
    cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal);
    cudaEventRecord(events_[0], a_);
    cudaStreamWaitEvent(b_, events_[0], 0);
    cudaMemsetAsync(y.data, 0, 128, b_);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(a_, &graph), cudaErrorStreamCaptureUnjoined);
}

}  // namespace
}  // namespace moco::cuda::testing
