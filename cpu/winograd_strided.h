// Convolutions with 3x3 windows, stride 2 and padding 1 by Winograd's minimal filtering of the image's four phases:
// F(4,2) of the pixels with odd index, F(4,1) of those with even index, 81 multiplications a channel pair for 4x4
// results instead of 144. winograd.h chooses between these and direct summation.
//
// All tensors as in core/backend.h: x N,H,W,IC; weight OC,3,3,IC; y N,OH,OW,OC. The results have the same bits for any
// number of threads. Work memory is kept by the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

struct ResultSums;

/// y = x * weight.
void winograd_strided_forward(const Conv2dDims& d, const float* x, const float* weight, float* y);
/// The same, with sums of y (winograd.h).
void winograd_strided_forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y,
                                        const ResultSums& sums);
/// dx = the gradient of x when dy is the gradient of y.
void winograd_strided_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx);
/// dweight = the gradient of weight when dy is the gradient of y.
void winograd_strided_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight);

}  // namespace moco::cpu
