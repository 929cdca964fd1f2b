// Dot products of corresponding rows.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y[n] = a[n] . b[n]. a, b: N,C f32 -> y: N,1. Gradient: da = dy * b, db = dy * a, row by row, each only if its input
/// wants one. Throws Error if shapes, types or devices differ.
Tensor row_dot(const Tensor& a, const Tensor& b);

}  // namespace moco
