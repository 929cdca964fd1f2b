// Convolutions of bf16 images with f32 weights: every product is of values rounded to bf16, every sum is f32.
//
// x N,H,W,IC and y N,OH,OW,OC, with their gradients, are the bits of bf16; weight OC,KH,KW,IC and its gradient are f32,
// the weights rounded as they are packed. Results are rounded once, to nearest. With AVX512_BF16, 3x3 windows may be
// computed by Winograd's algorithm (cpu/winograd_bf16.h), whose transformed values are what is rounded: errors of 1 %
// of the result's RMS instead of 0.2 %. The results have the same bits for any number of threads. Work memory is kept
// by the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include <cstdint>

#include "core/dims.h"

namespace moco::cpu {

/// y = x * weight.
void conv2d_forward_bf16(const Conv2dDims& d, const uint16_t* x, const float* weight, uint16_t* y,
                         ConvAlgorithm algorithm = ConvAlgorithm::auto_select);
/// dx = the gradient of x when dy is the gradient of y.
void conv2d_backward_data_bf16(const Conv2dDims& d, const uint16_t* dy, const float* weight, uint16_t* dx,
                               ConvAlgorithm algorithm = ConvAlgorithm::auto_select);
/// dweight = the gradient of weight, f32, when dy is the gradient of y.
void conv2d_backward_weight_bf16(const Conv2dDims& d, const uint16_t* x, const uint16_t* dy, float* dweight,
                                 ConvAlgorithm algorithm = ConvAlgorithm::auto_select);

}  // namespace moco::cpu
