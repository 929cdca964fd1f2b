// Convolutions of any kernel, stride and padding as implicit matrix products: no im2col, no transposed copies of x.
//
// All tensors as in core/backend.h. The results have the same bits for any number of threads. Work memory is kept by
// the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

/// y = x * weight.
void direct_forward(const Conv2dDims& d, const float* x, const float* weight, float* y);
/// dx = the gradient of x when dy is the gradient of y.
void direct_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx);
/// dweight = the gradient of weight when dy is the gradient of y.
void direct_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight);

}  // namespace moco::cpu
