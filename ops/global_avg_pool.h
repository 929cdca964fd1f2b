// Global average pooling.
#pragma once

#include "core/tensor.h"

namespace moco {

/// y[n,c] = the mean of x[n,:,:,c]. x: N,H,W,C f32 or bf16 -> y: N,C f32. Gradient: dy / (H*W) to every position, of
/// x's type.
/// Throws Error if x is not N,H,W,C of these types.
Tensor global_avg_pool(const Tensor& x);

}  // namespace moco
