// Matrices side by side.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y = [a, b]. a: N,CA; b: N,CB; f32 -> y: N,CA+CB. Gradient: dy's columns, each part only if its input wants one.
/// Throws Error if row counts, types or devices differ.
Tensor concat_columns(const Tensor& a, const Tensor& b);

}  // namespace moco
