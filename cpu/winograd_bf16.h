// Winograd's F(4x4,3x3) (cpu/winograd.h) on bf16 images. The transforms are computed in f32; their products are of
// values rounded to bf16, or, for those who need the accuracy, of f32.
//
// All tensors as in cpu/conv2d_bf16.h. Only for processors with the instruction: see has_bf16_products(). The results
// have the same bits for any number of threads. Thread safety: any number of calls at a time.
#pragma once

#include <cstdint>

#include "core/dims.h"
#include "cpu/winograd.h"

namespace moco::cpu {

/// What a convolution's transformed values are rounded to before they are multiplied. With bf16 the result is off by
/// about 1 % RMS (direct summation of bf16: 0.2 %, the rounding of the result), with f32 by that rounding alone.
enum class WinogradProducts { bf16, f32 };

/// How a bf16 convolution is computed: by the f32 kernels on widened copies, by the direct kernels, or by these.
enum class Bf16Algorithm { widened, direct, winograd_f32, winograd_bf16 };

/// The choice for `d` on this processor, by shape and pass alone within what the user wants.
Bf16Algorithm choose_bf16_algorithm(const Conv2dDims& d, ConvPass pass,
                                    ConvAlgorithm wanted = ConvAlgorithm::auto_select);

/// y = x * weight, if winograd_applies(d).
void winograd_forward_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* x, const float* weight,
                           uint16_t* y);
/// dx = the gradient of x.
void winograd_backward_data_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* dy,
                                 const float* weight, uint16_t* dx);
/// dweight = the gradient of weight.
void winograd_backward_weight_bf16(const Conv2dDims& d, WinogradProducts products, const uint16_t* x,
                                   const uint16_t* dy, float* dweight);

}  // namespace moco::cpu
