// A convolution as the emulated cuDNN is asked for it: what the descriptors say, checked, and the algorithms there are.
#pragma once

#include <vector>

#include "cuda/emulated/cudnn_objects.h"

namespace moco::cuda::emulated {

enum class ConvolutionPass { forward, backward_data, backward_filter };

/// The descriptors' contents at the time of a call. x and y stand for their gradients, too.
struct Convolution {
    cudnnTensorStruct x, y;
    cudnnFilterStruct w;
    cudnnConvolutionStruct how;
};

/// Fills `c`, or says why it cannot be computed: dead or unset descriptors, extents or types that do not belong
/// together, or (not supported) a layout, type, mode or dilation that the emulated cuDNN lacks.
cudnnStatus_t describe(Convolution& c, cudnnHandle_t handle, cudnnTensorDescriptor_t x, cudnnFilterDescriptor_t w,
                       cudnnConvolutionDescriptor_t how, cudnnTensorDescriptor_t y);

/// An algorithm of a pass for one convolution.
struct Algorithm {
    int number;            // in the pass's enum
    cudnnStatus_t status;  // success, or not supported
    size_t workspace_bytes;
    cudnnDeterminism_t determinism;
};

/// All algorithms of the pass. Those that come first are said to be the fastest; the first is not deterministic in
/// the backward passes, so that who does not look at that gets it.
std::vector<Algorithm> algorithms_of(ConvolutionPass pass, const Convolution& c);

/// The bytes of workspace that `algorithm` needs; not supported where there is no such algorithm for `c`.
cudnnStatus_t workspace_bytes_of(ConvolutionPass pass, const Convolution& c, int algorithm, size_t* bytes);

}  // namespace moco::cuda::emulated
