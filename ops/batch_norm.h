// Batch normalisation with interleaved splits, running statistics, an optional residual and activation.
#pragma once

#include <string_view>

#include "core/dims.h"
#include "core/tensor.h"

namespace moco {

/// The statistics that training collects and evaluation uses, C each, f32. They start at mean 0, variance 1 and take no
/// gradient. Handles: an op that trains writes into their memory.
struct BatchNormBuffers {
    Tensor running_mean;
    Tensor running_var;
};

/// Train: statistics of the batch, which the running ones follow. Eval: the running statistics, without gradients.
/// Frozen: the running statistics as constants, with gradients to everything else (fine-tuning with small batches).
enum class BatchNormMode { train, eval, frozen };

struct BatchNormArgs {
    BatchNormMode mode = BatchNormMode::train;
    int64_t splits = 1;                        // S: sample n is normalised with split n mod S (paper, Sec. 3.3, on one
                                               // process); must divide N in train mode, ignored in the others
    BatchNormOptions options = {};             // epsilon, momentum
    Activation activation = Activation::none;  // applied last
};

/// y = activation(gamma * (x - mean) / sqrt(var + epsilon) + beta + residual), channel by channel.
///
/// x: N,H,W,C or N,C, f32 or bf16; gamma, beta, buffers: C; residual: like x, or undefined -> y: like x.
/// Train mode: mean and (biased) variance of each split's values; the buffers are updated with the mean over the splits
/// of batch mean and unbiased variance. Eval and frozen mode: the buffers' statistics, which stay as they are.
/// Gradient: dx (in train mode also through the statistics), dgamma, dbeta, dresidual (= dy where the activation lets
/// it pass). Throws Error if shapes, types or devices do not fit; in train mode if S does not divide N or a split has
/// fewer than two values a channel; in eval mode if a gradient would be needed (wrap evaluation in NoGrad).
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const BatchNormBuffers& buffers,
                  const BatchNormArgs& args = {}, const Tensor& residual = {});

/// The dimensions of batch_norm(x, ...), after all its checks. `op` is the name that messages begin with.
BatchNormDims batch_norm_dims(std::string_view op, const Tensor& x, const Tensor& gamma, const Tensor& beta,
                              const BatchNormBuffers& buffers, const BatchNormArgs& args, const Tensor& residual);

/// The memory in which a backend notes for backward which results of a batch norm are positive; undefined if it notes
/// nothing.
Tensor batch_norm_signs(const BatchNormDims& d, Backend& backend);

}  // namespace moco
