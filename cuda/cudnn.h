// cuDNN as the backend uses it: the handle, descriptors that are destroyed with their owner, and how a failing call
// becomes an Error.
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "core/dtype.h"

namespace moco::cuda {

/// Throws Error naming the device, the call and cuDNN's reason.
[[noreturn]] void fail_cudnn(cudnnStatus_t status, const std::string& call);

/// Throws Error unless `status` is success. `call()` is the call with its shapes, in words; it is made only then.
template <typename Call>
void check_cudnn(cudnnStatus_t status, const Call& call) {
    if (status != CUDNN_STATUS_SUCCESS) [[unlikely]]
        fail_cudnn(status, call());
}

/// Destroys what cuDNN created.
template <auto destroy>
struct CudnnDestroyer {
    template <typename T>
    void operator()(T* object) const {
        destroy(object);
    }
};

template <typename Pointer, auto destroy>
using CudnnOwned = std::unique_ptr<std::remove_pointer_t<Pointer>, CudnnDestroyer<destroy>>;

using CudnnHandle = CudnnOwned<cudnnHandle_t, cudnnDestroy>;
using TensorDescriptor = CudnnOwned<cudnnTensorDescriptor_t, cudnnDestroyTensorDescriptor>;
using FilterDescriptor = CudnnOwned<cudnnFilterDescriptor_t, cudnnDestroyFilterDescriptor>;
using ConvolutionDescriptor = CudnnOwned<cudnnConvolutionDescriptor_t, cudnnDestroyConvolutionDescriptor>;

/// A handle whose work goes to `stream`.
CudnnHandle make_cudnn(cudaStream_t stream);
/// "cuDNN 9.19.0"
std::string cudnn_version();

// The descriptors below throw Error, naming the extents, for what cuDNN does not take: it counts in 32 bits.

/// N,H,W,C, f32 or bf16.
TensorDescriptor describe_tensor(DType dtype, int64_t N, int64_t H, int64_t W, int64_t C);
/// O,H,W,I, f32 or bf16.
FilterDescriptor describe_filter(DType dtype, int64_t O, int64_t H, int64_t W, int64_t I);
/// The same stride and padding in both dimensions; sums in f32.
ConvolutionDescriptor describe_convolution(int64_t stride, int64_t pad);

}  // namespace moco::cuda
