// Rows of unit length.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = x / max(|x|, 1e-12), row by row (Euclidean norm). x: N,C f32 -> y: N,C; a row of zeros stays zero.
/// Gradient: (dy - y (y . dy)) / max(|x|, 1e-12), the part of dy that turns the row; dy / 1e-12 for a row of zeros.
/// Throws Error if x is not f32 N,C.
Tensor l2_normalize(const Tensor& x);

}  // namespace moco
