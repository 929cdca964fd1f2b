// Convolution followed by batch normalisation, as one op: what a ResNet is made of.
#pragma once

#include "ops/batch_norm.h"
#include "ops/conv2d.h"

namespace moco {

/// batch_norm(conv2d(x, weight, conv_options), gamma, beta, buffers, args, residual) in one call of the backend, which
/// may gather the statistics while it convolves.
///
/// x: N,H,W,IC f32 or bf16; weight: OC,KH,KW,IC; gamma, beta, buffers: OC; residual: N,OH,OW,OC or undefined -> y:
/// N,OH,OW,OC, both of x's type.
/// The convolution's result is kept for backward only when a gradient is wanted; without (NoGrad, the key encoder) y
/// takes its memory.
/// Gradient (train and frozen mode): dx, dweight, dgamma, dbeta, dresidual, each only if its input wants one.
/// Throws Error as conv2d and batch_norm do; in eval mode also if a gradient would be needed.
Tensor conv_bn(const Tensor& x, const Tensor& weight, const Conv2dOptions& conv_options, const Tensor& gamma,
               const Tensor& beta, const BatchNormBuffers& buffers, const BatchNormArgs& args = {},
               const Tensor& residual = {});

}  // namespace moco
