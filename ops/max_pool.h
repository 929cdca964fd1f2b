// Max pooling.
#pragma once

#include "core/tensor.h"

namespace moco {

/// A square window; padding counts as -infinity.
struct PoolOptions {
    int64_t kernel = 2;
    int64_t stride = 2;
    int64_t pad = 0;
};

/// y[n,oh,ow,c] = the maximum of x over the window at (oh*stride - pad, ow*stride - pad).
///
/// x: N,H,W,C f32 or bf16 -> y: N,OH,OW,C of the same type, with OH = (H + 2 pad - kernel) / stride + 1, OW likewise.
/// Gradient: dy to each window's maximum, the first one in row order on ties; windows that share a maximum add up.
/// Throws Error if x is not N,H,W,C of these types, if not 1 <= kernel <= 16, stride >= 1 and 0 <= 2 pad <= kernel, or
/// if the window exceeds the padded x.
Tensor max_pool(const Tensor& x, const PoolOptions& options);

}  // namespace moco
