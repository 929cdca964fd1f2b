// Multiplication by a constant.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = factor * x. x: any shape, f32; factor: a constant without gradient. Gradient: factor * dy.
/// Throws Error if x is not f32.
Tensor scale(const Tensor& x, float factor);

}  // namespace moco
