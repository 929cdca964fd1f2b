// The gradient of few weights by Winograd's convolution (winograd.h), where the products of all 36 points stay in a
// cache until every tile is summed: then x and dy are read and transformed once, not once for each pair of rows of
// points.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

/// Whether there are so few weights that this is the faster way (found by measuring 16 to 128 channels). d: with stride
/// 1, as winograd_applies tells.
inline bool narrow_applies(const Conv2dDims& d) {
    return d.IC * d.OC <= 48 * 48;
}

/// dweight = the gradient of weight when dy is the gradient of y. Shapes, bits and threads as in winograd.h.
void winograd_narrow_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight);

}  // namespace moco::cpu
