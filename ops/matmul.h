// Matrix product.
#pragma once

#include "core/dims.h"
#include "core/tensor.h"

namespace moco {

/// y = a * b, or a * b^T with Transpose::yes.
///
/// a: M,K; b: K,N (N,K with Transpose::yes); f32 -> y: M,N.
/// Gradient: da = dy * b^T, db = a^T * dy (db = dy^T * a with Transpose::yes), each only if its input wants one.
/// Throws Error if shapes, types or devices do not fit.
Tensor matmul(const Tensor& a, const Tensor& b, Transpose transpose_b = Transpose::no);

}  // namespace moco
