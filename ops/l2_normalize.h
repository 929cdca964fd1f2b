// Rows of unit length.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = x / max(|x|, 1e-12), row by row (Euclidean norm). x: N,C f32 -> y: N,C; a row of zeros stays zero.
/// Gradient: (dy - y (y . dy)) / |x|, the part of dy that turns the row; dy / 1e-12 where the norm was below 1e-12.
/// Throws Error if x is not f32 N,C.
Tensor l2_normalize(const Tensor& x);

}  // namespace moco
