// Convolutions with 3x3 windows, stride 1 or 2 and padding 1 by Winograd's minimal filtering: with stride 1,
// F(4x4,3x3), 4x4 results from a 6x6 tile with 36 multiplications a channel pair instead of 144 (Lavin and Gray,
// arXiv:1509.09308); with stride 2, the same for the four phases of the image, with 81 instead of 144
// (winograd_strided.h); of images of 2x2 pixels with stride 1, a filter of their own with 9 instead of 16
// (winograd_two_by_two.h).
//
// The points of the tiles are 0, +-sqrt(1/2), +-sqrt(2) and infinity rather than 0, +-1, +-2 and infinity: as fast,
// with half the RMS error. Against double the results are off by about 1e-6 of their RMS (direct summation: 3e-7).
//
// All tensors as in core/backend.h: x N,H,W,IC; weight OC,3,3,IC; y N,H,W,OC. The results have the same bits for any
// number of threads. Work memory is kept by the threads between calls. Thread safety: any number of calls at a time.
#pragma once

#include "core/dims.h"

namespace moco::cpu {

/// The three convolutions of a training step.
enum class ConvPass { forward, backward_data, backward_weight };

/// Whether the functions below can compute `d`: a 3x3 window, stride 1 or 2, padding 1. Any N, H, W, IC, OC.
bool winograd_applies(const Conv2dDims& d);
/// Whether they are the faster choice for `pass`, as estimated from `d` alone; false unless winograd_applies(d).
bool winograd_preferred(const Conv2dDims& d, ConvPass pass);
/// Whether f32 uses them, given the user's choice. By the shape alone, so that the same run gives the same bits
/// everywhere on one instruction set.
bool winograd_wanted(ConvAlgorithm algorithm, const Conv2dDims& d, ConvPass pass);

/// y = x * weight.
void winograd_forward(const Conv2dDims& d, const float* x, const float* weight, float* y);

/// Where sums over the results go: S x 2 x OC, of y and of y * y, for each of S interleaved splits of the images (n
/// belongs to split n mod S).
struct ResultSums {
    int64_t S;
    double* sums;
};
/// Whether winograd_forward_with_sums can compute `d`, which winograd_applies to.
bool winograd_sums_results(const Conv2dDims& d);
/// winograd_forward, and sums of y, taken while it is in the cores' first caches.
void winograd_forward_with_sums(const Conv2dDims& d, const float* x, const float* weight, float* y,
                                const ResultSums& sums);

/// dx = the gradient of x when dy is the gradient of y.
void winograd_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx);
/// dweight = the gradient of weight when dy is the gradient of y.
void winograd_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight);

}  // namespace moco::cpu
