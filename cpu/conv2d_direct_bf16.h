// Convolutions of any kernel, stride and padding as implicit matrix products of bf16 pairs (conv2d_direct.h is f32's).
//
// All tensors as in cpu/conv2d_bf16.h. Only for processors with the instruction: see has_bf16_products().
#pragma once

#include <cstdint>

#include "core/dims.h"

namespace moco::cpu {

/// Whether kernels may use AVX512_BF16: the processor has it, and the limit on targets (cpu/targets.h) is not below
/// AVX-512.
bool has_bf16_products();

/// Whether the forward pass, the gradient of x and that of the weights of `d` are within what the functions below can
/// do: pairs need an even number of channels (or few enough to be copied), and a sum is not cut.
bool direct_bf16_applies_forward(const Conv2dDims& d);
bool direct_bf16_applies_backward_data(const Conv2dDims& d);

/// y = x * weight, if direct_bf16_applies_forward(d).
void direct_forward_bf16(const Conv2dDims& d, const uint16_t* x, const float* weight, uint16_t* y);
/// dx = the gradient of x, if direct_bf16_applies_backward_data(d).
void direct_backward_data_bf16(const Conv2dDims& d, const uint16_t* dy, const float* weight, uint16_t* dx);
/// dweight = the gradient of weight, for any d.
void direct_backward_weight_bf16(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight);

}  // namespace moco::cpu
