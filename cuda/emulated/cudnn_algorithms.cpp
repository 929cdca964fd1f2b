// The emulated cuDNN: which convolutions it takes, by which algorithms, and what workspace they need.
#include <fmt/format.h>

#include <cstdint>

#include "cuda/emulated/cudnn_convolution.h"

namespace moco::cuda::emulated {
namespace {

cudnnStatus_t not_supported(std::string reason) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, std::move(reason));
}

cudnnStatus_t check_supported(const Convolution& c) {
    if (c.x.format != CUDNN_TENSOR_NHWC || c.y.format != CUDNN_TENSOR_NHWC || c.w.format != CUDNN_TENSOR_NHWC) {
        return not_supported("the emulated cuDNN computes NHWC only");
    }
    if (c.x.type != CUDNN_DATA_FLOAT && c.x.type != CUDNN_DATA_BFLOAT16) {
        return not_supported("the emulated cuDNN computes f32 and bf16 only");
    }
    if (c.how.compute_type != CUDNN_DATA_FLOAT) return not_supported("sums are kept in f32 only");
    if (c.how.mode != CUDNN_CROSS_CORRELATION) return not_supported("the mode is not cross-correlation");
    if (c.how.dilation_h != 1 || c.how.dilation_w != 1) return not_supported("the filter is dilated");
    return CUDNN_STATUS_SUCCESS;
}

bool winograd_applies(const Convolution& c) {
    return c.w.h == 3 && c.w.w == 3 && c.how.stride_h == 1 && c.how.stride_w == 1;
}

/// Tiles of 4x4 results for Winograd's transformed input and output.
size_t winograd_bytes(const Convolution& c) {
    const auto tiles = [](int extent) { return (int64_t{extent} + 3) / 4; };
    const int64_t count = c.x.n * tiles(c.y.h) * tiles(c.y.w) * 36;
    return static_cast<size_t>(count * (c.x.c + c.y.c)) * sizeof(float);
}

Algorithm deterministic(int number, size_t workspace_bytes) {
    return {number, CUDNN_STATUS_SUCCESS, workspace_bytes, CUDNN_DETERMINISTIC};
}

Algorithm by_atomics(int number) {
    return {number, CUDNN_STATUS_SUCCESS, 0, CUDNN_NON_DETERMINISTIC};
}

std::vector<Algorithm> supported_forward(const Convolution& c) {
    const auto taps = static_cast<size_t>(int64_t{c.y.h} * c.y.w * c.w.h * c.w.w);
    std::vector<Algorithm> all = {
        deterministic(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, taps * sizeof(int32_t)),
        deterministic(CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, 0)};
    if (winograd_applies(c)) {
        all.push_back(deterministic(CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED, winograd_bytes(c)));
    }
    return all;
}

std::vector<Algorithm> supported_backward_data(const Convolution& c) {
    std::vector<Algorithm> all = {by_atomics(CUDNN_CONVOLUTION_BWD_DATA_ALGO_0),
                                  deterministic(CUDNN_CONVOLUTION_BWD_DATA_ALGO_1, bytes_of(c.w))};
    if (winograd_applies(c)) {
        all.push_back(deterministic(CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED, winograd_bytes(c)));
    }
    return all;
}

std::vector<Algorithm> supported_backward_filter(const Convolution& c) {
    std::vector<Algorithm> all = {by_atomics(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0),
                                  by_atomics(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_3),
                                  deterministic(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1, 2 * bytes_of(c.w))};
    if (winograd_applies(c)) {
        all.push_back(deterministic(CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED, winograd_bytes(c)));
    }
    return all;
}

/// Fills the arrays of the Get functions: under a math type that allows tensor cores each algorithm twice, with and
/// without them, as far as `requested` goes.
template <typename Result, typename Number>
cudnnStatus_t report_algorithms(ConvolutionPass pass, const Convolution& c, int requested, int* returned,
                                Result* results) {
    if (!returned || !results) return refuse_parameter("the results' address is null");
    if (requested < 1) return refuse_parameter("no algorithms are asked for");
    std::vector<cudnnMathType_t> maths = {c.how.math_type};
    if (c.how.math_type != CUDNN_FMA_MATH) maths.push_back(CUDNN_FMA_MATH);
    *returned = 0;
    for (const cudnnMathType_t math : maths) {
        for (const Algorithm& algorithm : algorithms_of(pass, c)) {
            if (*returned == requested) return CUDNN_STATUS_SUCCESS;
            Result& result = results[(*returned)++];
            result = {};
            result.algo = static_cast<Number>(algorithm.number);
            result.status = algorithm.status;
            result.time = -1;
            result.memory = algorithm.workspace_bytes;
            result.determinism = algorithm.determinism;
            result.mathType = math;
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t describe(Convolution& c, cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                       cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y) {
    if (!alive(handle)) return refuse_parameter("the handle was not created or is destroyed");
    if (!alive(x) || !alive(w) || !alive(how) || !alive(y)) return refuse_parameter("a descriptor is not alive");
    if (!x->set || !w->set || !how->set || !y->set) return refuse_parameter("a descriptor was not set");
    c = {.x = *x, .y = *y, .w = *w, .how = *how};
    if (c.x.c != c.w.c) return refuse_parameter(fmt::format("x has {} channels, the filter {}", c.x.c, c.w.c));
    if (c.x.type != c.w.type || c.x.type != c.y.type) return refuse_parameter("the data types differ");
    const int h = output_extent(c.x.h, c.how.pad_h, c.w.h, c.how.stride_h, c.how.dilation_h);
    const int width = output_extent(c.x.w, c.how.pad_w, c.w.w, c.how.stride_w, c.how.dilation_w);
    if (h == 0 || width == 0) return refuse_parameter("the filter is larger than the padded image");
    if (c.y.n != c.x.n || c.y.c != c.w.k || c.y.h != h || c.y.w != width) {
        return refuse_parameter(fmt::format("y is {}x{}x{}x{} N,C,H,W, expected {}x{}x{}x{}", c.y.n, c.y.c, c.y.h,
                                            c.y.w, c.x.n, c.w.k, h, width));
    }
    return check_supported(c);
}

std::vector<Algorithm> algorithms_of(ConvolutionPass pass, const Convolution& c) {
    std::vector<Algorithm> all;
    int count = 0;
    switch (pass) {
        case ConvolutionPass::forward:
            all = supported_forward(c);
            count = CUDNN_CONVOLUTION_FWD_ALGO_COUNT;
            break;
        case ConvolutionPass::backward_data:
            all = supported_backward_data(c);
            count = CUDNN_CONVOLUTION_BWD_DATA_ALGO_COUNT;
            break;
        case ConvolutionPass::backward_filter:
            all = supported_backward_filter(c);
            count = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_COUNT;
            break;
    }
    for (int number = 0; number < count; ++number) {
        bool listed = false;
        for (const Algorithm& algorithm : all) listed = listed || algorithm.number == number;
        if (!listed) all.push_back({number, CUDNN_STATUS_NOT_SUPPORTED, 0, CUDNN_DETERMINISTIC});
    }
    return all;
}

cudnnStatus_t workspace_bytes_of(ConvolutionPass pass, const Convolution& c, int algorithm, size_t* bytes) {
    if (!bytes) return refuse_parameter("the size's address is null");
    for (const Algorithm& one : algorithms_of(pass, c)) {
        if (one.number != algorithm) continue;
        if (one.status != CUDNN_STATUS_SUCCESS) break;
        *bytes = one.workspace_bytes;
        return CUDNN_STATUS_SUCCESS;
    }
    return not_supported(fmt::format("algorithm {} does not compute this convolution", algorithm));
}

}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                     cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t how,
                                                     cudnnTensorDescriptor_t y, int requested, int* returned,
                                                     cudnnConvolutionFwdAlgoPerf_t* results) {
    Convolution c;
    if (const auto status = describe(c, handle, x, w, how, y); status != CUDNN_STATUS_SUCCESS) return status;
    return report_algorithms<cudnnConvolutionFwdAlgoPerf_t, cudnnConvolutionFwdAlgo_t>(ConvolutionPass::forward, c,
                                                                                       requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                      cudnnFilterDescriptor_t w, cudnnConvolutionDescriptor_t how,
                                                      cudnnTensorDescriptor_t y, cudnnConvolutionFwdAlgo_t algorithm,
                                                      size_t* bytes) {
    Convolution c;
    if (const auto status = describe(c, handle, x, w, how, y); status != CUDNN_STATUS_SUCCESS) return status;
    return workspace_bytes_of(ConvolutionPass::forward, c, algorithm, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                          cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t how,
                                                          cudnnTensorDescriptor_t dx, int requested, int* returned,
                                                          cudnnConvolutionBwdDataAlgoPerf_t* results) {
    Convolution c;
    if (const auto status = describe(c, handle, dx, w, how, dy); status != CUDNN_STATUS_SUCCESS) return status;
    return report_algorithms<cudnnConvolutionBwdDataAlgoPerf_t, cudnnConvolutionBwdDataAlgo_t>(
        ConvolutionPass::backward_data, c, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t handle, cudnnFilterDescriptor_t w,
                                                           cudnnTensorDescriptor_t dy, cudnnConvolutionDescriptor_t how,
                                                           cudnnTensorDescriptor_t dx,
                                                           cudnnConvolutionBwdDataAlgo_t algorithm, size_t* bytes) {
    Convolution c;
    if (const auto status = describe(c, handle, dx, w, how, dy); status != CUDNN_STATUS_SUCCESS) return status;
    return workspace_bytes_of(ConvolutionPass::backward_data, c, algorithm, bytes);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                            cudnnTensorDescriptor_t dy,
                                                            cudnnConvolutionDescriptor_t how,
                                                            cudnnFilterDescriptor_t dw, int requested, int* returned,
                                                            cudnnConvolutionBwdFilterAlgoPerf_t* results) {
    Convolution c;
    if (const auto status = describe(c, handle, x, dw, how, dy); status != CUDNN_STATUS_SUCCESS) return status;
    return report_algorithms<cudnnConvolutionBwdFilterAlgoPerf_t, cudnnConvolutionBwdFilterAlgo_t>(
        ConvolutionPass::backward_filter, c, requested, returned, results);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t handle, cudnnTensorDescriptor_t x,
                                                             cudnnTensorDescriptor_t dy,
                                                             cudnnConvolutionDescriptor_t how,
                                                             cudnnFilterDescriptor_t dw,
                                                             cudnnConvolutionBwdFilterAlgo_t algorithm, size_t* bytes) {
    Convolution c;
    if (const auto status = describe(c, handle, x, dw, how, dy); status != CUDNN_STATUS_SUCCESS) return status;
    return workspace_bytes_of(ConvolutionPass::backward_filter, c, algorithm, bytes);
}
