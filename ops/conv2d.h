// 2-d convolution.
#pragma once

#include <string_view>

#include "core/dims.h"
#include "core/tensor.h"

namespace moco {

struct Conv2dOptions {
    int64_t stride = 1;  // both directions
    int64_t pad = 0;     // zeros on all four sides
};

/// y[n,oh,ow,oc] = sum over kh, kw, ic of x[n, oh*stride+kh-pad, ow*stride+kw-pad, ic] * weight[oc,kh,kw,ic], without a
/// bias (a batch norm follows).
///
/// x: N,H,W,IC f32 or bf16; weight: OC,KH,KW,IC f32 (of bf16 x rounded to bf16 in the products) -> y: N,OH,OW,OC of
/// x's type, with OH = (H + 2 pad - KH) / stride + 1, OW likewise.
/// Gradient: dx and dweight, each only if its input wants one (an image costs no dx).
/// Throws Error if types, devices or channels do not fit, if stride < 1, pad < 0, or the kernel exceeds the padded x.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Conv2dOptions& options = {});

/// The dimensions of conv2d(x, weight, options), after all its checks. `op` is the name that messages begin with.
Conv2dDims conv2d_dims(std::string_view op, const Tensor& x, const Tensor& weight, const Conv2dOptions& options);

}  // namespace moco
