// The rectifier.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = max(x, 0), elementwise. x: any shape, f32 or bf16. Gradient: dy where y > 0, else 0.
/// Throws Error if x is neither.
Tensor relu(const Tensor& x);

}  // namespace moco
