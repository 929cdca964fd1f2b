// The convolution as its definition says it, in double: what every backend's convolution is judged by.
#pragma once

#include <cstddef>
#include <vector>

#include "core/dims.h"

namespace moco::testing::reference {

using Values = std::vector<double>;

/// y[n,oh,ow,oc] = sum over kh, kw, ic of x[n, oh * stride + kh - pad, ow * stride + kw - pad, ic] *
/// weight[oc,kh,kw,ic].
Values conv2d_forward(const Conv2dDims& d, const Values& x, const Values& weight);
/// Gradient of x, given that of y.
Values conv2d_backward_data(const Conv2dDims& d, const Values& dy, const Values& weight);
/// Gradient of weight, given that of y.
Values conv2d_backward_weight(const Conv2dDims& d, const Values& x, const Values& dy);

}  // namespace moco::testing::reference
