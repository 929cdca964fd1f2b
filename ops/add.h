// Elementwise sum.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = a + b. a, b: both f32 or both bf16, of one shape (no broadcasting). Gradient: dy to both.
/// Throws Error if shapes, types or devices differ.
Tensor add(const Tensor& a, const Tensor& b);

}  // namespace moco
