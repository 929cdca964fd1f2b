// What tests of the hand-written CUDA kernels share: the device, arrays in its memory, and a fixture that skips where
// the runtime finds no device.
//
//     class CudaRelu : public moco::cuda::testing::OnDevice {};
//     TEST_F(CudaRelu, Forward) {
//         const DeviceArray<float> x(formula_values(count, 1));
//         DeviceArray<float> y(count);
//         device().relu_forward(DType::f32, x.data(), y.data(), count);
//         EXPECT_EQ(error_over_rms(y.host(), reference::relu(...)), kExact);
//     }
#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "core/bf16.h"
#include "core/error.h"
#include "cuda/check.h"
#include "cuda/kernel_backend.h"
#include "tests/reference/values.h"
#include "tests/support/tolerances.h"
#include "tests/support/values.h"

namespace moco::cuda::testing {

using namespace moco::testing;

/// The hand-written half of the backend alone: convolutions and matrix products are not its.
class KernelsOnly final : public KernelBackend {
  public:
    void set_conv_algorithm(ConvAlgorithm) override { refuse(); }
    void conv2d_forward(const Conv2dDims&, const void*, const float*, void*) override { refuse(); }
    void conv2d_backward_data(const Conv2dDims&, const void*, const float*, void*) override { refuse(); }
    void conv2d_backward_weight(const Conv2dDims&, const void*, const void*, float*) override { refuse(); }
    void matmul(const MatmulDims&, const float*, const float*, float*) override { refuse(); }

  private:
    [[noreturn]] static void refuse() { fail("the hand-written kernels have no convolutions and no matrix products"); }
};

/// Shared by all tests of a program.
inline KernelBackend& device() {
    static KernelsOnly backend;
    return backend;
}

/// Skips its tests, with CUDA's reason, where the runtime finds no device.
class OnDevice : public ::testing::Test {
  protected:
    void SetUp() override {
        int count = 0;
        const cudaError_t status = cudaGetDeviceCount(&count);
        if (status != cudaSuccess) GTEST_SKIP() << "no CUDA device: " << cudaGetErrorString(status);
        if (count == 0) GTEST_SKIP() << "no CUDA device";
    }
};

/// `count` elements in an allocation of their own, so that the emulated device sees who writes beyond it. Not copied.
template <typename T>
class DeviceArray {
  public:
    /// Not initialised. `owner` copies, in the order of its calls.
    explicit DeviceArray(int64_t count, KernelBackend& owner = device())
        : owner_(owner), count_(static_cast<size_t>(count)) {
        void* memory = nullptr;
        check_cuda(cudaMalloc(&memory, count_ * sizeof(T)), "cudaMalloc");
        data_ = static_cast<T*>(memory);
    }
    explicit DeviceArray(const std::vector<T>& values, KernelBackend& owner = device())
        : DeviceArray(static_cast<int64_t>(values.size()), owner) {
        owner_.copy_from_host(data_, values.data(), count_ * sizeof(T));
    }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    ~DeviceArray() { cudaFree(data_); }

    T* data() { return data_; }
    const T* data() const { return data_; }
    int64_t count() const { return static_cast<int64_t>(count_); }

    /// The elements now: waits for the device.
    std::vector<T> host() const {
        std::vector<T> values(count_);
        owner_.copy_to_host(values.data(), data_, count_ * sizeof(T));
        return values;
    }

  private:
    KernelBackend& owner_;
    size_t count_;
    T* data_ = nullptr;
};

/// bf16 numbers travel as their bits.
inline std::vector<uint16_t> to_bf16(const std::vector<float>& values) {
    std::vector<uint16_t> bits;
    for (const float value : values) bits.push_back(float_to_bf16(value));
    return bits;
}

inline std::vector<float> from_bf16(const std::vector<uint16_t>& bits) {
    std::vector<float> values;
    for (const uint16_t b : bits) values.push_back(bf16_to_float(b));
    return values;
}

/// What the reference is given: the same numbers in double.
template <typename T>
reference::Values doubles(const std::vector<T>& values) {
    return {values.begin(), values.end()};
}

}  // namespace moco::cuda::testing
