// The fully connected layer.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = x * weight^T + bias.
///
/// x: N,IN; weight: OUT,IN; bias: OUT, or undefined for none; f32 -> y: N,OUT.
/// Gradient: dx = dy * weight, dweight = dy^T * x, dbias = sum of dy's rows, each only if its input wants one.
/// Throws Error if shapes, types or devices do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace moco
