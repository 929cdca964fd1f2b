// Another type for the same values.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = x as `dtype`: to bf16 rounded to the nearest, ties to even; to f32 exact. x: any shape, f32 or bf16; a tensor
/// that is of that type already is returned itself. Gradient: dy as x's type.
/// Throws Error if x or `dtype` is neither f32 nor bf16.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace moco
