// The emulated cuDNN: descriptors. What they accept and the statuses of what they refuse are those of the real library,
// which a test compares with where it is installed (tests/cuda/emulated_cudnn_descriptors_test.cpp).
#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <limits>

#include "cuda/emulated/cudnn_objects.h"

namespace moco::cuda::emulated {
namespace {

bool known(cudnnDataType_t type) {
    for (const cudnnDataType_t one : {CUDNN_DATA_FLOAT, CUDNN_DATA_DOUBLE, CUDNN_DATA_HALF, CUDNN_DATA_INT8,
                                      CUDNN_DATA_INT32, CUDNN_DATA_BFLOAT16}) {
        if (one == type) return true;
    }
    return false;
}

bool known(cudnnTensorFormat_t format) {
    return format == CUDNN_TENSOR_NCHW || format == CUDNN_TENSOR_NHWC;  // NCHW_VECT_C only for types we lack
}

bool can_sum_in(cudnnDataType_t type) {
    return type == CUDNN_DATA_FLOAT || type == CUDNN_DATA_DOUBLE || type == CUDNN_DATA_HALF || type == CUDNN_DATA_INT32;
}

bool all_positive(std::initializer_list<int> extents) {
    for (const int extent : extents) {
        if (extent <= 0) return false;
    }
    return true;
}

/// Whether the product stays below 2^31, the most elements a tensor may have.
bool fits(std::initializer_list<int> extents) {
    int64_t count = 1;
    for (const int extent : extents) {
        count *= extent;
        if (count > std::numeric_limits<int32_t>::max()) return false;
    }
    return true;
}

template <typename T>
cudnnStatus_t create(T** descriptor) {
    if (!descriptor) return refuse_parameter("the descriptor's address is null");
    *descriptor = live<T>().create();
    return CUDNN_STATUS_SUCCESS;
}

template <typename T>
cudnnStatus_t destroy(T* descriptor) {
    if (descriptor && !live<T>().destroy(descriptor)) return refuse_parameter("the descriptor is not alive");
    return CUDNN_STATUS_SUCCESS;
}

}  // namespace

size_t size_of(cudnnDataType_t type) {
    switch (type) {
        case CUDNN_DATA_DOUBLE:
            return 8;
        case CUDNN_DATA_HALF:
        case CUDNN_DATA_BFLOAT16:
            return 2;
        case CUDNN_DATA_INT8:
            return 1;
        default:
            return 4;
    }
}

size_t bytes_of(const cudnnTensorStruct& t) {
    return static_cast<size_t>(int64_t{t.n} * t.c * t.h * t.w) * size_of(t.type);
}

size_t bytes_of(const cudnnFilterStruct& f) {
    return static_cast<size_t>(int64_t{f.k} * f.c * f.h * f.w) * size_of(f.type);
}

int output_extent(int input, int pad, int window, int stride, int dilation) {
    const int64_t covered = int64_t{window - 1} * dilation + 1, padded = int64_t{input} + 2 * int64_t{pad};
    return padded < covered ? 0 : static_cast<int>((padded - covered) / stride + 1);
}

}  // namespace moco::cuda::emulated

using namespace moco::cuda::emulated;

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) {
    return create(descriptor);
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
    return destroy(descriptor);
}

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
    if (!alive(descriptor)) return refuse_parameter("the tensor's descriptor is not alive");
    if (!all_positive({n, c, h, w})) return refuse_parameter(fmt::format("{}x{}x{}x{} N,C,H,W", n, c, h, w));
    if (!known(format)) return refuse_parameter("unknown tensor format");
    if (!known(type)) return refuse_parameter("unknown data type");
    if (!fits({n, c, h, w})) {
        return refuse(CUDNN_STATUS_NOT_SUPPORTED,
                      fmt::format("{}x{}x{}x{} N,C,H,W has 2^31 elements or more", n, c, h, w));
    }
    *descriptor = {.set = true, .format = format, .type = type, .n = n, .c = c, .h = h, .w = w};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) {
    return create(descriptor);
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
    return destroy(descriptor);
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
    if (!alive(descriptor)) return refuse_parameter("the filter's descriptor is not alive");
    if (!known(format)) return refuse_parameter("unknown filter format");
    if (!known(type) || type == CUDNN_DATA_INT32) return refuse_parameter("no data type of filters");
    if (!all_positive({k, c, h, w})) return refuse_parameter(fmt::format("{}x{}x{}x{} K,C,H,W", k, c, h, w));
    *descriptor = {.set = true, .format = format, .type = type, .k = k, .c = c, .h = h, .w = w};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) {
    return create(descriptor);
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
    return destroy(descriptor);
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute_type) {
    if (!alive(descriptor)) return refuse_parameter("the convolution's descriptor is not alive");
    if (pad_h < 0 || pad_w < 0) return refuse_parameter(fmt::format("padding {}, {}", pad_h, pad_w));
    if (!all_positive({stride_h, stride_w})) return refuse_parameter(fmt::format("stride {}, {}", stride_h, stride_w));
    if (!all_positive({dilation_h, dilation_w})) {
        return refuse_parameter(fmt::format("dilation {}, {}", dilation_h, dilation_w));
    }
    if (mode != CUDNN_CONVOLUTION && mode != CUDNN_CROSS_CORRELATION) return refuse_parameter("unknown mode");
    if (!can_sum_in(compute_type)) return refuse_parameter("the compute type is none that sums are kept in");
    // The math type stays, as in the real library.
    *descriptor = {.set = true,
                   .pad_h = pad_h,
                   .pad_w = pad_w,
                   .stride_h = stride_h,
                   .stride_w = stride_w,
                   .dilation_h = dilation_h,
                   .dilation_w = dilation_w,
                   .mode = mode,
                   .compute_type = compute_type,
                   .math_type = descriptor->math_type};
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t math_type) {
    if (!alive(descriptor)) return refuse_parameter("the convolution's descriptor is not alive");
    if (math_type < CUDNN_DEFAULT_MATH || math_type > CUDNN_FMA_MATH) return refuse_parameter("unknown math type");
    descriptor->math_type = math_type;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolution2dForwardOutputDim(cudnnConvolutionDescriptor_t convolution, cudnnTensorDescriptor_t x,
                                                    cudnnFilterDescriptor_t w, int* n, int* c, int* h, int* width) {
    if (!alive(convolution) || !alive(x) || !alive(w)) return refuse_parameter("a descriptor is not alive");
    if (!n || !c || !h || !width) return refuse_parameter("an extent's address is null");
    if (!convolution->set || !x->set || !w->set) return refuse_parameter("a descriptor was not set");
    if (x->c != w->c) return refuse_parameter(fmt::format("x has {} channels, the filter {}", x->c, w->c));
    *n = x->n;
    *c = w->k;
    *h = output_extent(x->h, convolution->pad_h, w->h, convolution->stride_h, convolution->dilation_h);
    *width = output_extent(x->w, convolution->pad_w, w->w, convolution->stride_w, convolution->dilation_w);
    if (*h <= 0 || *width <= 0) return refuse_parameter("the filter is larger than the padded image");
    return CUDNN_STATUS_SUCCESS;
}
