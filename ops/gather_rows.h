// Rows in another order.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y[i] = x[index[i]], row by row. x: at least one dimension, f32; index: M i64, each in [0, rows of x) (trusted: it is
/// device memory and is not read back); repeats are allowed -> y: like x with M rows.
/// Without gradient: throws Error if x wants one (it shuffles keys, which take none), or if shapes, types or devices do
/// not fit.
Tensor gather_rows(const Tensor& x, const Tensor& index);

}  // namespace moco
