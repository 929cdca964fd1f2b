// What stands behind the handles and descriptors of the emulated cuDNN.
#pragma once

#include <cudnn.h>

#include <cstddef>
#include <string>

#include "cuda/emulated/library_objects.h"

struct cudnnContext {
    cudaStream_t stream = nullptr;
};

struct cudnnTensorStruct {
    bool set = false;
    cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    int n = 0, c = 0, h = 0, w = 0;
};

struct cudnnFilterStruct {
    bool set = false;
    cudnnTensorFormat_t format = CUDNN_TENSOR_NCHW;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    int k = 0, c = 0, h = 0, w = 0;
};

struct cudnnConvolutionStruct {
    bool set = false;
    int pad_h = 0, pad_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    cudnnConvolutionMode_t mode = CUDNN_CONVOLUTION;
    cudnnDataType_t compute_type = CUDNN_DATA_FLOAT;
    cudnnMathType_t math_type = CUDNN_DEFAULT_MATH;
};

namespace moco::cuda::emulated {

/// Bytes of one element.
size_t size_of(cudnnDataType_t type);
size_t bytes_of(const cudnnTensorStruct& tensor);
size_t bytes_of(const cudnnFilterStruct& filter);

/// The extent of a convolution's result in one dimension, 0 where there is none.
int output_extent(int input, int pad, int window, int stride, int dilation);

/// Notes why a call is refused, for cudnnGetLastErrorString of this thread, and returns `status`.
cudnnStatus_t refuse(cudnnStatus_t status, std::string reason);
/// The same with CUDNN_STATUS_BAD_PARAM.
cudnnStatus_t refuse_parameter(std::string reason);

template <typename T>
bool alive(const T* object) {
    return live<T>().contains(object);
}

}  // namespace moco::cuda::emulated
