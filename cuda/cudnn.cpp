#include "cuda/cudnn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/error.h"

namespace moco::cuda {
namespace {

/// What cuDNN has to say about this thread's last failure, on one line.
std::string reason_of(cudnnStatus_t status) {
    std::array<char, 512> text{};
    cudnnGetLastErrorString(text.data(), text.size());
    std::string reason = text.data();
    std::ranges::replace(reason, '\n', ' ');
    return reason.empty() ? cudnnGetErrorString(status) : fmt::format("{} ({})", cudnnGetErrorString(status), reason);
}

cudnnDataType_t type_of(DType dtype) {
    return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

/// An extent as cuDNN takes it. What does not fit becomes negative, which it refuses.
int extent(int64_t value) {
    return value > std::numeric_limits<int>::max() ? -1 : static_cast<int>(value);
}

template <typename Owned, typename Create>
Owned create(Create create_descriptor, const char* name) {
    typename Owned::pointer descriptor = nullptr;
    check_cudnn(create_descriptor(&descriptor), [&] { return std::string(name); });
    return Owned(descriptor);
}

}  // namespace

void fail_cudnn(cudnnStatus_t status, const std::string& call) {
    const std::string reason = reason_of(status);
    int device = -1;
    cudaGetDevice(&device);
    fail("CUDA device {}: {} failed: {}", device, call, reason);
}

CudnnHandle make_cudnn(cudaStream_t stream) {
    CudnnHandle handle = create<CudnnHandle>(cudnnCreate, "cudnnCreate");
    check_cudnn(cudnnSetStream(handle.get(), stream), [] { return "cudnnSetStream"; });
    return handle;
}

std::string cudnn_version() {
    const size_t version = cudnnGetVersion();  // 91900: 9.19.0
    return fmt::format("cuDNN {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

TensorDescriptor describe_tensor(DType dtype, int64_t N, int64_t H, int64_t W, int64_t C) {
    auto tensor = create<TensorDescriptor>(cudnnCreateTensorDescriptor, "cudnnCreateTensorDescriptor");
    check_cudnn(
        cudnnSetTensor4dDescriptor(tensor.get(), CUDNN_TENSOR_NHWC, type_of(dtype), extent(N), extent(C), extent(H),
                                   extent(W)),
        [&] { return fmt::format("cudnnSetTensor4dDescriptor of {}x{}x{}x{} N,H,W,C, {}", N, H, W, C, dtype); });
    return tensor;
}

FilterDescriptor describe_filter(DType dtype, int64_t O, int64_t H, int64_t W, int64_t I) {
    auto filter = create<FilterDescriptor>(cudnnCreateFilterDescriptor, "cudnnCreateFilterDescriptor");
    check_cudnn(
        cudnnSetFilter4dDescriptor(filter.get(), type_of(dtype), CUDNN_TENSOR_NHWC, extent(O), extent(I), extent(H),
                                   extent(W)),
        [&] { return fmt::format("cudnnSetFilter4dDescriptor of {}x{}x{}x{} O,H,W,I, {}", O, H, W, I, dtype); });
    return filter;
}

ConvolutionDescriptor describe_convolution(int64_t stride, int64_t pad) {
    auto how = create<ConvolutionDescriptor>(cudnnCreateConvolutionDescriptor, "cudnnCreateConvolutionDescriptor");
    const int s = extent(stride), p = extent(pad);
    // What ops/ calls a convolution is cuDNN's cross-correlation: the window is not mirrored.
    check_cudnn(cudnnSetConvolution2dDescriptor(how.get(), p, p, s, s, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                [&] { return fmt::format("cudnnSetConvolution2dDescriptor with stride {}, pad {}", stride, pad); });
    return how;
}

}  // namespace moco::cuda
