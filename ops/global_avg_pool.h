// Global average pooling.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y[n,c] = the mean of x[n,:,:,c]. x: N,H,W,C f32 -> y: N,C. Gradient: dy / (H*W) to every position.
/// Throws Error if x is not f32 N,H,W,C.
Tensor global_avg_pool(const Tensor& x);

}  // namespace moco
