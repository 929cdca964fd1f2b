// The emulated cuDNN's convolutions refuse what is wrong. That they compute what is right shows in
// cudnn_conv2d_test.cpp.
#include <cudnn.h>

#include <array>
#include <functional>
#include <memory>

#include "cuda/emulated/memory.h"
#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

/// Correct descriptors and memory of x 1x4x5x2 N,H,W,C with 3 filters of 3x3. Tests spoil one.
struct Case {
    cudnnHandle_t handle = nullptr;
    cudnnTensorDescriptor_t x_descriptor = nullptr, y_descriptor = nullptr;
    cudnnFilterDescriptor_t w_descriptor = nullptr;
    cudnnConvolutionDescriptor_t how = nullptr;
    const void *alpha = nullptr, *beta = nullptr;
    float *x = nullptr, *w = nullptr, *y = nullptr, *workspace = nullptr;
    size_t workspace_bytes = 0;
    int algorithm = 1;  // IMPLICIT_PRECOMP_GEMM, ALGO_1, ALGO_1
};

cudnnStatus_t forward(const Case& c) {
    return cudnnConvolutionForward(c.handle, c.alpha, c.x_descriptor, c.x, c.w_descriptor, c.w, c.how,
                                   static_cast<cudnnConvolutionFwdAlgo_t>(c.algorithm), c.workspace, c.workspace_bytes,
                                   c.beta, c.y_descriptor, c.y);
}

cudnnStatus_t backward_data(const Case& c) {
    return cudnnConvolutionBackwardData(c.handle, c.alpha, c.w_descriptor, c.w, c.y_descriptor, c.y, c.how,
                                        static_cast<cudnnConvolutionBwdDataAlgo_t>(c.algorithm), c.workspace,
                                        c.workspace_bytes, c.beta, c.x_descriptor, c.x);
}

cudnnStatus_t backward_filter(const Case& c) {
    return cudnnConvolutionBackwardFilter(c.handle, c.alpha, c.x_descriptor, c.x, c.y_descriptor, c.y, c.how,
                                          static_cast<cudnnConvolutionBwdFilterAlgo_t>(c.algorithm), c.workspace,
                                          c.workspace_bytes, c.beta, c.w_descriptor, c.w);
}

const std::array<cudnnStatus_t (*)(const Case&), 3> kPasses = {forward, backward_data, backward_filter};

constexpr int kX = 4 * 5 * 2, kW = 3 * 3 * 3 * 2, kY = 4 * 5 * 3, kWorkspace = 1024;

std::string last_reason() {
    std::array<char, 256> text{};
    cudnnGetLastErrorString(text.data(), text.size());
    return text.data();
}

struct Tensors {
    Memory<float> x{std::vector<float>(kX, 1.0f)}, w{std::vector<float>(kW, 1.0f)}, y{std::vector<float>(kY, 1.0f)};
    Memory<float> workspace{kWorkspace};
};

class EmulatedCudnn : public Emulated {
  protected:
    void SetUp() override {
        Emulated::SetUp();
        tensors_ = std::make_unique<Tensors>();
        cudnnCreate(&good_.handle);
        cudnnCreateTensorDescriptor(&good_.x_descriptor);
        cudnnCreateTensorDescriptor(&good_.y_descriptor);
        cudnnCreateFilterDescriptor(&good_.w_descriptor);
        cudnnCreateConvolutionDescriptor(&good_.how);
        describe();
        good_.alpha = &one_;
        good_.beta = &zero_;
        good_.x = tensors_->x.data;
        good_.w = tensors_->w.data;
        good_.y = tensors_->y.data;
        good_.workspace = tensors_->workspace.data;
        good_.workspace_bytes = kWorkspace * sizeof(float);
    }
    void TearDown() override {
        EXPECT_EQ(cudnnDestroyTensorDescriptor(good_.x_descriptor), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(cudnnDestroyTensorDescriptor(good_.y_descriptor), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(cudnnDestroyFilterDescriptor(good_.w_descriptor), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(cudnnDestroyConvolutionDescriptor(good_.how), CUDNN_STATUS_SUCCESS);
        EXPECT_EQ(cudnnDestroy(good_.handle), CUDNN_STATUS_SUCCESS);
        Emulated::TearDown();
    }
    void describe() {
        cudnnSetTensor4dDescriptor(good_.x_descriptor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 2, 4, 5);
        cudnnSetTensor4dDescriptor(good_.y_descriptor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1, 3, 4, 5);
        cudnnSetFilter4dDescriptor(good_.w_descriptor, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, 3, 2, 3, 3);
        cudnnSetConvolution2dDescriptor(good_.how, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
    }

    /// After `spoil`, all three passes return `status` for the reason given.
    void expect_refused(const std::function<void(Case&)>& spoil, cudnnStatus_t status, const std::string& reason) {
        Case spoiled = good_;
        spoil(spoiled);
        for (const auto& pass : kPasses) {
            EXPECT_EQ(pass(spoiled), status) << reason;
            EXPECT_THAT(last_reason(), HasSubstr(reason));
        }
        describe();
    }

    Case good_;
    const float one_ = 1, zero_ = 0;
    std::unique_ptr<Tensors> tensors_;
};

TEST_F(EmulatedCudnn, TakesWhatIsRight) {
    for (const auto& pass : kPasses) EXPECT_EQ(pass(good_), CUDNN_STATUS_SUCCESS) << last_reason();
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(EmulatedCudnn, AddsToWhatIsThereOnlyWithABeta) {
    const float half = 0.5f;
    Case c = good_;
    EXPECT_EQ(forward(c), CUDNN_STATUS_SUCCESS);
    c.alpha = &half;
    c.beta = &one_;
    EXPECT_EQ(forward(c), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(tensors_->y.host()[0], 1.5f * 2 * 2 * 2);  // the corner sees 2x2 pixels of 2 channels
}

TEST_F(EmulatedCudnn, RefusesNullPointers) {
    expect_refused([](Case& c) { c.x = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "x is null");
    expect_refused([](Case& c) { c.w = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "w is null");
    expect_refused([](Case& c) { c.y = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "y is null");
    expect_refused([](Case& c) { c.alpha = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "alpha or beta is null");
    expect_refused([](Case& c) { c.beta = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "alpha or beta is null");
    expect_refused([](Case& c) { c.handle = nullptr; }, CUDNN_STATUS_BAD_PARAM, "the handle was not created");
    expect_refused([](Case& c) { c.how = nullptr; }, CUDNN_STATUS_BAD_PARAM, "a descriptor is not alive");
}

TEST_F(EmulatedCudnn, RefusesWrongMemory) {
    alignas(16) static std::array<float, kX> host{};
    expect_refused([](Case& c) { c.x = host.data(); }, CUDNN_STATUS_BAD_PARAM, "x is not 160 bytes of device memory");
    expect_refused([](Case& c) { c.w += 4; }, CUDNN_STATUS_BAD_PARAM, "w is not 216 bytes of device memory");
    expect_refused([](Case& c) { c.y += 1; }, CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, "y is not aligned to 16");
    expect_refused([&](Case& c) { c.alpha = tensors_->x.data; }, CUDNN_STATUS_BAD_PARAM,
                   "alpha or beta is device memory");
}

TEST_F(EmulatedCudnn, RefusesOverlaps) {
    const Memory<float> shared(256);
    Case c = good_;
    c.x = shared.data;
    c.y = shared.data + 16;
    EXPECT_EQ(forward(c), CUDNN_STATUS_BAD_PARAM);
    EXPECT_THAT(last_reason(), HasSubstr("x overlaps the result"));
    EXPECT_EQ(backward_data(c), CUDNN_STATUS_BAD_PARAM);
    EXPECT_THAT(last_reason(), HasSubstr("y overlaps the result"));
    c = good_;
    c.workspace = shared.data;
    c.workspace_bytes = 1024;
    c.w = shared.data;
    EXPECT_EQ(forward(c), CUDNN_STATUS_BAD_PARAM);
    EXPECT_THAT(last_reason(), HasSubstr("w overlaps the workspace"));
}

TEST_F(EmulatedCudnn, RefusesWrongWorkspaces) {
    expect_refused([](Case& c) { c.workspace_bytes = 8; }, CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
                   "the workspace has 8 bytes, the algorithm needs");
    expect_refused([](Case& c) { c.workspace = nullptr; }, CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                   "the workspace is null");
    expect_refused([](Case& c) { c.workspace += 1; }, CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                   "the workspace is not aligned");
    expect_refused([](Case& c) { c.workspace_bytes *= 2; }, CUDNN_STATUS_BAD_PARAM,
                   "the workspace is not 8192 bytes of device memory");
}

TEST_F(EmulatedCudnn, RefusesDescriptorsThatDoNotBelongTogether) {
    const auto set_x = [](Case& c, cudnnDataType_t type, int channels) {
        cudnnSetTensor4dDescriptor(c.x_descriptor, CUDNN_TENSOR_NHWC, type, 1, channels, 4, 5);
    };
    expect_refused([&](Case& c) { set_x(c, CUDNN_DATA_BFLOAT16, 2); }, CUDNN_STATUS_BAD_PARAM, "the data types differ");
    expect_refused([&](Case& c) { set_x(c, CUDNN_DATA_FLOAT, 3); }, CUDNN_STATUS_BAD_PARAM,
                   "x has 3 channels, the filter 2");
    expect_refused(
        [](Case& c) {
            cudnnSetConvolution2dDescriptor(c.how, 1, 1, 2, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
        },
        CUDNN_STATUS_BAD_PARAM, "y is 1x3x4x5 N,C,H,W, expected 1x3x2x5");
    cudnnTensorDescriptor_t unset = nullptr;
    ASSERT_EQ(cudnnCreateTensorDescriptor(&unset), CUDNN_STATUS_SUCCESS);
    expect_refused([&](Case& c) { c.y_descriptor = unset; }, CUDNN_STATUS_BAD_PARAM, "a descriptor was not set");
    ASSERT_EQ(cudnnDestroyTensorDescriptor(unset), CUDNN_STATUS_SUCCESS);
    expect_refused([&](Case& c) { c.y_descriptor = unset; }, CUDNN_STATUS_BAD_PARAM, "a descriptor is not alive");
}

TEST_F(EmulatedCudnn, SaysWhatItLacks) {
    expect_refused(
        [](Case& c) { cudnnSetTensor4dDescriptor(c.x_descriptor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 2, 4, 5); },
        CUDNN_STATUS_NOT_SUPPORTED, "NHWC only");
    expect_refused(
        [](Case& c) { cudnnSetConvolution2dDescriptor(c.how, 1, 1, 1, 1, 1, 1, CUDNN_CONVOLUTION, CUDNN_DATA_FLOAT); },
        CUDNN_STATUS_NOT_SUPPORTED, "cross-correlation");
    expect_refused(
        [](Case& c) {
            cudnnSetConvolution2dDescriptor(c.how, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_HALF);
        },
        CUDNN_STATUS_NOT_SUPPORTED, "sums are kept in f32 only");
    expect_refused([](Case& c) { c.algorithm = CUDNN_CONVOLUTION_FWD_ALGO_GEMM; }, CUDNN_STATUS_NOT_SUPPORTED,
                   "algorithm 2 does not compute this convolution");
    expect_refused([](Case& c) { c.algorithm = 99; }, CUDNN_STATUS_NOT_SUPPORTED, "algorithm 99");
}

// Who takes the first algorithm of a backward pass without asking whether it is deterministic is to be found out.
TEST_F(EmulatedCudnn, OffersAlgorithmsThatAreNotDeterministicFirst) {
    std::array<cudnnConvolutionBwdFilterAlgoPerf_t, 16> results{};
    int count = 0;
    ASSERT_EQ(cudnnGetConvolutionBackwardFilterAlgorithm_v7(good_.handle, good_.x_descriptor, good_.y_descriptor,
                                                            good_.how, good_.w_descriptor, 16, &count, results.data()),
              CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(count, 2 * CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT);  // with and without tensor cores
    EXPECT_EQ(results[0].determinism, CUDNN_NON_DETERMINISTIC);
    EXPECT_EQ(results[0].status, CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(results[0].mathType, CUDNN_DEFAULT_MATH);
    ASSERT_EQ(cudnnSetConvolutionMathType(good_.how, CUDNN_FMA_MATH), CUDNN_STATUS_SUCCESS);
    ASSERT_EQ(cudnnGetConvolutionBackwardFilterAlgorithm_v7(good_.handle, good_.x_descriptor, good_.y_descriptor,
                                                            good_.how, good_.w_descriptor, 3, &count, results.data()),
              CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(count, 3);
    EXPECT_EQ(results[2].mathType, CUDNN_FMA_MATH);
}

TEST_F(EmulatedCudnn, FailsWhenToldTo) {
    emulated::inject_failure(emulated::Failure::library, 2);
    EXPECT_EQ(forward(good_), CUDNN_STATUS_SUCCESS);
    EXPECT_EQ(forward(good_), CUDNN_STATUS_EXECUTION_FAILED);
    EXPECT_EQ(forward(good_), CUDNN_STATUS_SUCCESS);
}

}  // namespace
}  // namespace moco::cuda::testing
