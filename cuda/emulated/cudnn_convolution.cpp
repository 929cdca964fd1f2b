// The emulated cuDNN: the three convolutions. All algorithms compute the same sums.
#include "cuda/emulated/cudnn_convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "cuda/emulated/failure.h"
#include "cuda/emulated/library_arithmetic.h"
#include "cuda/emulated/memory.h"
#include "cuda/emulated/stream.h"

namespace moco::cuda::emulated {
namespace {

constexpr size_t kAlignment = 16;  // of tensors and workspaces: what kernels with vector loads ask for

/// The memory of a call.
struct Buffers {
    const void *x, *w, *y;  // one of them is the result
    void* workspace;
    size_t workspace_bytes;
    float alpha, beta;
};

/// The result of a pass, its bytes and elements.
struct Result {
    void* data;
    size_t bytes;
    int64_t count;
};

Result result_of(ConvolutionPass pass, const Convolution& c, const Buffers& b) {
    const void* const data = pass == ConvolutionPass::forward         ? b.y
                             : pass == ConvolutionPass::backward_data ? b.x
                                                                      : b.w;
    const size_t bytes = pass == ConvolutionPass::forward         ? bytes_of(c.y)
                         : pass == ConvolutionPass::backward_data ? bytes_of(c.x)
                                                                  : bytes_of(c.w);
    return {const_cast<void*>(data), bytes, static_cast<int64_t>(bytes / size_of(c.x.type))};
}

/// A run of contiguous elements of x (or dx) that meets a run of contiguous elements of each filter: for one pixel of y
/// and one row of the window, the columns that lie within the image, times the channels.
struct Run {
    int64_t x, w, y, count;  // offsets: into x, into a filter, to the first channel of the pixel of y
};

template <typename F>
void for_each_run(const Convolution& c, const F& f) {
    const int64_t C = c.x.c, stride_h = c.how.stride_h, stride_w = c.how.stride_w;
    for (int64_t n = 0; n < c.x.n; ++n) {
        for (int64_t oh = 0; oh < c.y.h; ++oh) {
            for (int64_t kh = 0; kh < c.w.h; ++kh) {
                const int64_t h = oh * stride_h + kh - c.how.pad_h;
                if (h < 0 || h >= c.x.h) continue;
                for (int64_t ow = 0; ow < c.y.w; ++ow) {
                    const int64_t w0 = ow * stride_w - c.how.pad_w;  // of the window's first column
                    const int64_t begin = std::max<int64_t>(0, -w0), end = std::min<int64_t>(c.w.w, c.x.w - w0);
                    if (begin >= end) continue;
                    f(Run{.x = ((n * c.x.h + h) * c.x.w + w0 + begin) * C,
                          .w = (kh * c.w.w + begin) * C,
                          .y = ((n * c.y.h + oh) * c.y.w + ow) * c.y.c,
                          .count = (end - begin) * C});
                }
            }
        }
    }
}

void compute(ConvolutionPass pass, const Convolution& c, const Buffers& b) {
    const DType dtype = c.x.type == CUDNN_DATA_BFLOAT16 ? DType::bf16 : DType::f32;
    const bool tensor_cores = dtype == DType::f32 && c.how.math_type != CUDNN_FMA_MATH;
    const auto read = [&](const void* elements, size_t bytes) {
        return floats_for(tensor_cores ? Products::tf32 : Products::f32, dtype, elements,
                          static_cast<int64_t>(bytes / size_of(c.x.type)));
    };
    const Result result = result_of(pass, c, b);
    std::vector<double> sums(static_cast<size_t>(result.count));
    const int64_t filter = int64_t{c.w.h} * c.w.w * c.w.c, filters = c.w.k;
    if (pass == ConvolutionPass::forward) {
        const std::vector<float> x = read(b.x, bytes_of(c.x)), w = read(b.w, bytes_of(c.w));
        for_each_run(c, [&](const Run& run) {
            for (int64_t k = 0; k < filters; ++k) {
                sums[static_cast<size_t>(run.y + k)] += dot(x.data() + run.x, w.data() + k * filter + run.w, run.count);
            }
        });
    } else if (pass == ConvolutionPass::backward_data) {
        const std::vector<float> dy = read(b.y, bytes_of(c.y)), w = read(b.w, bytes_of(c.w));
        for_each_run(c, [&](const Run& run) {
            for (int64_t k = 0; k < filters; ++k) {
                add_scaled(double{dy[static_cast<size_t>(run.y + k)]}, w.data() + k * filter + run.w,
                           sums.data() + run.x, run.count);
            }
        });
    } else {
        const std::vector<float> x = read(b.x, bytes_of(c.x)), dy = read(b.y, bytes_of(c.y));
        for_each_run(c, [&](const Run& run) {
            for (int64_t k = 0; k < filters; ++k) {
                add_scaled(double{dy[static_cast<size_t>(run.y + k)]}, x.data() + run.x,
                           sums.data() + k * filter + run.w, run.count);
            }
        });
    }
    store(sums, b.alpha, b.beta, dtype, result.data);
}

cudnnStatus_t check_tensor(std::string_view name, const void* data, size_t bytes) {
    if (!data) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, fmt::format("{} is null", name));
    if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0) {
        return refuse(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                      fmt::format("{} is not aligned to {} bytes", name, kAlignment));
    }
    if (!is_device_memory(data, bytes)) {
        return refuse_parameter(fmt::format("{} is not {} bytes of device memory", name, bytes));
    }
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_workspace(const Buffers& b, size_t needed) {
    if (needed == 0) return CUDNN_STATUS_SUCCESS;
    if (b.workspace_bytes < needed) {
        return refuse(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
                      fmt::format("the workspace has {} bytes, the algorithm needs {}", b.workspace_bytes, needed));
    }
    return check_tensor("the workspace", b.workspace, b.workspace_bytes);
}

/// The result may share no memory with what is read, nor the workspace with anything.
cudnnStatus_t check_apart(ConvolutionPass pass, const Convolution& c, const Buffers& b, size_t workspace_bytes) {
    const Result result = result_of(pass, c, b);
    const struct {
        std::string_view name;
        ConvolutionPass made_by;
        const void* data;
        size_t bytes;
    } tensors[] = {{"x", ConvolutionPass::backward_data, b.x, bytes_of(c.x)},
                   {"w", ConvolutionPass::backward_filter, b.w, bytes_of(c.w)},
                   {"y", ConvolutionPass::forward, b.y, bytes_of(c.y)}};
    for (const auto& tensor : tensors) {
        if (tensor.made_by != pass && overlap(tensor.data, tensor.bytes, result.data, result.bytes)) {
            return refuse_parameter(fmt::format("{} overlaps the result", tensor.name));
        }
        if (overlap(tensor.data, tensor.bytes, b.workspace, workspace_bytes)) {
            return refuse_parameter(fmt::format("{} overlaps the workspace", tensor.name));
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

/// alpha and beta are f32 in host memory, also for bf16 tensors.
cudnnStatus_t read_factor(const void* factor, float* value) {
    if (!factor) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "alpha or beta is null");
    if (is_device_memory(factor, sizeof(float))) return refuse_parameter("alpha or beta is device memory");
    *value = *static_cast<const float*>(factor);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t check_buffers(ConvolutionPass pass, const Convolution& c, const Buffers& b, int algorithm,
                            size_t* needed) {
    const std::function<cudnnStatus_t()> checks[] = {[&] { return check_tensor("x", b.x, bytes_of(c.x)); },
                                                     [&] { return check_tensor("w", b.w, bytes_of(c.w)); },
                                                     [&] { return check_tensor("y", b.y, bytes_of(c.y)); },
                                                     [&] { return workspace_bytes_of(pass, c, algorithm, needed); },
                                                     [&] { return check_workspace(b, *needed); },
                                                     [&] { return check_apart(pass, c, b, *needed); }};
    for (const auto& check : checks) {
        if (const cudnnStatus_t status = check(); status != CUDNN_STATUS_SUCCESS) return status;
    }
    return CUDNN_STATUS_SUCCESS;
}

/// What is common to the three functions once the descriptors are known to be good.
cudnnStatus_t run(ConvolutionPass pass, cudnnHandle_t handle, const Convolution& c, Buffers b, int algorithm,
                  const void* alpha, const void* beta, const char* name) {
    if (const auto status = read_factor(alpha, &b.alpha); status != CUDNN_STATUS_SUCCESS) return status;
    if (const auto status = read_factor(beta, &b.beta); status != CUDNN_STATUS_SUCCESS) return status;
    size_t needed = 0;
    if (const auto status = check_buffers(pass, c, b, algorithm, &needed); status != CUDNN_STATUS_SUCCESS) {
        return status;
    }
    if (injected_failure(Failure::library)) return refuse(CUDNN_STATUS_EXECUTION_FAILED, "injected failure");
    const auto work = [=] {
        scribble(b.workspace, needed);
        compute(pass, c, b);
    };
    if (enqueue(handle->stream, name, work) != cudaSuccess) {
        return refuse(CUDNN_STATUS_EXECUTION_FAILED, "the stream takes no work");
    }
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, cudnnTensorDescriptor_t x_descriptor,
                                      const void* x, cudnnFilterDescriptor_t w_descriptor, const void* w,
                                      cudnnConvolutionDescriptor_t how, cudnnConvolutionFwdAlgo_t algorithm,
                                      void* workspace, size_t workspace_bytes, const void* beta,
                                      cudnnTensorDescriptor_t y_descriptor, void* y) {
    Convolution c;
    const auto status = describe(c, handle, x_descriptor, w_descriptor, how, y_descriptor);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    return run(ConvolutionPass::forward, handle, c, {x, w, y, workspace, workspace_bytes, 1, 0}, algorithm, alpha, beta,
               "cudnnConvolutionForward");
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha,
                                           cudnnFilterDescriptor_t w_descriptor, const void* w,
                                           cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                           cudnnConvolutionDescriptor_t how, cudnnConvolutionBwdDataAlgo_t algorithm,
                                           void* workspace, size_t workspace_bytes, const void* beta,
                                           cudnnTensorDescriptor_t dx_descriptor, void* dx) {
    Convolution c;
    const auto status = describe(c, handle, dx_descriptor, w_descriptor, how, dy_descriptor);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    return run(ConvolutionPass::backward_data, handle, c, {dx, w, dy, workspace, workspace_bytes, 1, 0}, algorithm,
               alpha, beta, "cudnnConvolutionBackwardData");
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha,
                                             cudnnTensorDescriptor_t x_descriptor, const void* x,
                                             cudnnTensorDescriptor_t dy_descriptor, const void* dy,
                                             cudnnConvolutionDescriptor_t how,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             size_t workspace_bytes, const void* beta,
                                             cudnnFilterDescriptor_t dw_descriptor, void* dw) {
    Convolution c;
    const auto status = describe(c, handle, x_descriptor, dw_descriptor, how, dy_descriptor);
    if (status != CUDNN_STATUS_SUCCESS) return status;
    return run(ConvolutionPass::backward_filter, handle, c, {x, dw, dy, workspace, workspace_bytes, 1, 0}, algorithm,
               alpha, beta, "cudnnConvolutionBackwardFilter");
}
