// Convolutions of 2x2 images with 3x3 windows, stride 1 and padding 1 by a minimal filter: 9 products a channel pair
// and image, of the sums and single pixels of winograd_two_by_two-inl.h, instead of 16. Tiles of F(4x4,3x3) that lie
// mostly outside the image would need 16 as well. winograd.h chooses between these and direct summation.
//
// All tensors as in core/backend.h: x N,2,2,IC; weight OC,3,3,IC; y N,2,2,OC. The results have the same bits for any
// number of threads. Work memory is kept by the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

inline constexpr int kTwoByTwoPoints = 9;

/// Whether the functions below can compute `d`.
inline bool two_by_two_applies(const Conv2dDims& d) {
    return d.H == 2 && d.W == 2 && d.KH == 3 && d.KW == 3 && d.stride == 1 && d.pad == 1;
}

/// y = x * weight.
void winograd_two_by_two_forward(const Conv2dDims& d, const float* x, const float* weight, float* y);
/// dx = the gradient of x when dy is the gradient of y.
void winograd_two_by_two_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx);
/// dweight = the gradient of weight when dy is the gradient of y.
void winograd_two_by_two_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight);

}  // namespace moco::cpu
