// Convolutions with 1x1 windows as matrix products by Strassen's algorithm, in Winograd's form: A, B and C = A B are
// cut into quarters, and sums of these need 7 products instead of 8 (Strassen, Numer. Math. 13, 1969; Winograd, Linear
// Algebra Appl. 4, 1971). One level of it, on blocks that stay in a core's cache, so that the sums cost less than the
// products they save.
//
// Against double the results are off by about twice what direct summation's are.
//
// All tensors as in core/backend.h: x N,H,W,IC; weight OC,1,1,IC; y N,OH,OW,OC. The results have the same bits for any
// number of threads. Work memory is kept by the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include "core/dims.h"
#include "cpu/winograd.h"

namespace moco::cpu {

/// Whether the functions below can compute `d`: a 1x1 window without padding, whole vectors and panels in each quarter
/// of the weights.
bool strassen_applies(const Conv2dDims& d);
/// Whether f32 uses them for `pass`, given the user's choice: wherever they apply (winograd), where they are faster as
/// estimated from the shape alone (auto), or not at all (direct). The weights' gradient never does: it would have to
/// add up both its operands, for each block anew.
bool strassen_wanted(ConvAlgorithm algorithm, const Conv2dDims& d, ConvPass pass);

/// y = x * weight.
void strassen_forward(const Conv2dDims& d, const float* x, const float* weight, float* y);
/// dx = the gradient of x when dy is the gradient of y.
void strassen_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx);

}  // namespace moco::cpu
