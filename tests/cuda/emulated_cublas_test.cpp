// The emulated cuBLAS refuses what is wrong, and computes what is right.
#include <cublas_v2.h>

#include <cmath>
#include <functional>
#include <memory>

#include "cuda/emulated/memory.h"
#include "tests/cuda/emulated_support.h"

namespace moco::cuda::testing {
namespace {

/// A correct call of cublasSgemm: C (2 x 3) = A (2 x 4) * B (4 x 3), by columns. Tests spoil one argument.
struct Call {
    cublasHandle_t handle = nullptr;
    cublasOperation_t transa = CUBLAS_OP_N, transb = CUBLAS_OP_N;
    int m = 2, n = 3, k = 4;
    const float *alpha = nullptr, *a = nullptr, *b = nullptr, *beta = nullptr;
    float* c = nullptr;
    int lda = 2, ldb = 4, ldc = 2;

    cublasStatus_t operator()() const {
        return cublasSgemm(handle, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    }
};

struct Matrices {
    Memory<float> a{std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}}, b{std::vector<float>(12, 1.0f)}, c{6};
};

class EmulatedCublas : public Emulated {
  protected:
    void SetUp() override {
        Emulated::SetUp();
        matrices_ = std::make_unique<Matrices>();
        ASSERT_EQ(cublasCreate(&handle_), CUBLAS_STATUS_SUCCESS);
    }
    void TearDown() override {
        EXPECT_EQ(cublasDestroy(handle_), CUBLAS_STATUS_SUCCESS);
        Emulated::TearDown();
    }

    Call call() {
        return {.handle = handle_,
                .alpha = &one_,
                .a = matrices_->a.data,
                .b = matrices_->b.data,
                .beta = &zero_,
                .c = matrices_->c.data};
    }

    /// What the call returns after `spoil`, and what the device says about it.
    std::pair<cublasStatus_t, std::string> spoiled(const std::function<void(Call&)>& spoil) {
        Call spoiled_call = call();
        spoil(spoiled_call);
        emulated::clear_reports();
        ::testing::internal::CaptureStderr();
        const cublasStatus_t status = spoiled_call();
        ::testing::internal::GetCapturedStderr();
        return {status, emulated::last_report()};
    }
    void expect_refused(const std::function<void(Call&)>& spoil, const std::string& reason) {
        const auto [status, report] = spoiled(spoil);
        EXPECT_EQ(status, CUBLAS_STATUS_INVALID_VALUE) << reason;
        EXPECT_THAT(report, HasSubstr(reason));
    }

    cublasHandle_t handle_ = nullptr;
    const float one_ = 1, zero_ = 0;
    std::unique_ptr<Matrices> matrices_;
};

TEST_F(EmulatedCublas, ComputesByColumns) {
    EXPECT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(matrices_->c.host(), (std::vector<float>{16, 20, 16, 20, 16, 20}));  // the sums of A's rows
}

TEST_F(EmulatedCublas, AddsToWhatIsThereOnlyWithABeta) {
    const float two = 2, half = 0.5f;
    ASSERT_EQ(call()(), CUBLAS_STATUS_SUCCESS);  // C held NaN
    Call again = call();
    again.alpha = &half;
    again.beta = &two;
    EXPECT_EQ(again(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(matrices_->c.host(), (std::vector<float>{40, 50, 40, 50, 40, 50}));
}

TEST_F(EmulatedCublas, RunsInTheOrderOfItsStream) {
    cudaStream_t stream = nullptr;
    cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    ASSERT_EQ(cublasSetStream(handle_, stream), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(cudaMemsetAsync(matrices_->b.data, 0, 12 * sizeof(float), stream), cudaSuccess);
    ASSERT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
    EXPECT_EQ(matrices_->c.host(), std::vector<float>(6, 0.0f));
    EXPECT_EQ(cublasSetStream(handle_, nullptr), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(EmulatedCublas, RefusesWrongExtents) {
    expect_refused([](Call& c) { c.m = -1; }, "m, n or k is negative");
    expect_refused([](Call& c) { c.lda = 1; }, "lda is smaller than the rows of A");
    expect_refused([](Call& c) { c.transa = CUBLAS_OP_T; }, "lda is smaller than the rows of A");
    expect_refused([](Call& c) { c.ldb = 3; }, "ldb is smaller than the rows of B");
    expect_refused([](Call& c) { c.ldc = 1; }, "ldc is smaller than the rows of C");
    expect_refused([](Call& c) { c.transb = static_cast<cublasOperation_t>(7); }, "unknown operation");
}

TEST_F(EmulatedCublas, RefusesWrongMemory) {
    std::vector<float> host(12);
    expect_refused([&](Call& c) { c.a = host.data(); }, "A is not device memory of its size");
    expect_refused([](Call& c) { c.b = nullptr; }, "B is not device memory of its size");
    expect_refused([](Call& c) { c.n = 4; }, "B is not device memory of its size");
    expect_refused([](Call& c) { c.ldc = 3; }, "C is not device memory of its size");
    expect_refused([&](Call& c) { c.c = matrices_->b.data; }, "C overlaps B");
    expect_refused([&](Call& c) { c.c = matrices_->a.data; }, "C overlaps A");
}

TEST_F(EmulatedCublas, RefusesWrongFactors) {
    expect_refused([](Call& c) { c.alpha = nullptr; }, "alpha or beta is null");
    expect_refused([](Call& c) { c.beta = nullptr; }, "alpha or beta is null");
    expect_refused([&](Call& c) { c.alpha = matrices_->a.data; }, "alpha or beta is device memory");
}

TEST_F(EmulatedCublas, RefusesDeadHandles) {
    cublasHandle_t dead = nullptr;
    ASSERT_EQ(cublasCreate(&dead), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(cublasDestroy(dead), CUBLAS_STATUS_SUCCESS);
    for (const cublasHandle_t handle : {cublasHandle_t{}, dead}) {
        EXPECT_EQ(spoiled([&](Call& c) { c.handle = handle; }).first, CUBLAS_STATUS_NOT_INITIALIZED);
        EXPECT_EQ(cublasDestroy(handle), CUBLAS_STATUS_NOT_INITIALIZED);
        EXPECT_EQ(cublasSetStream(handle, nullptr), CUBLAS_STATUS_NOT_INITIALIZED);
        EXPECT_EQ(cublasSetWorkspace(handle, nullptr, 0), CUBLAS_STATUS_NOT_INITIALIZED);
        EXPECT_EQ(cublasSetMathMode(handle, CUBLAS_DEFAULT_MATH), CUBLAS_STATUS_NOT_INITIALIZED);
    }
    EXPECT_EQ(cublasCreate(nullptr), CUBLAS_STATUS_INVALID_VALUE);
}

TEST_F(EmulatedCublas, RefusesWrongWorkspacesAndModes) {
    const Memory<float> workspace(1024);
    std::vector<float> host(1024);
    EXPECT_EQ(cublasSetWorkspace(handle_, workspace.data, 4096), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cublasSetWorkspace(handle_, workspace.data, 4097), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasSetWorkspace(handle_, workspace.data + 1, 64), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasSetWorkspace(handle_, host.data(), 64), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasSetMathMode(handle_, static_cast<cublasMath_t>(5)), CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasSetWorkspace(handle_, nullptr, 0), CUBLAS_STATUS_SUCCESS);
}

TEST_F(EmulatedCublas, WritesIntoItsWorkspace) {
    const Memory<float> workspace(std::vector<float>(64, 1.0f));
    ASSERT_EQ(cublasSetWorkspace(handle_, workspace.data, 256), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_TRUE(std::isnan(workspace.host()[0]));
    // Documented: a new stream takes the workspace away.
    cudaMemset(workspace.data, 0, 256);
    ASSERT_EQ(cublasSetStream(handle_, nullptr), CUBLAS_STATUS_SUCCESS);
    ASSERT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(workspace.host()[0], 0.0f);
}

TEST_F(EmulatedCublas, FailsWhenToldTo) {
    emulated::inject_failure(emulated::Failure::library, 2);
    EXPECT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(call()(), CUBLAS_STATUS_EXECUTION_FAILED);
    EXPECT_EQ(call()(), CUBLAS_STATUS_SUCCESS);
}

}  // namespace
}  // namespace moco::cuda::testing
