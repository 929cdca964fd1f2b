// Softmax cross-entropy.
#pragma once

#include "ops/loss.h"

namespace moco {

/// value = mean over the rows of -log softmax(logits)[target].
///
/// logits: N,C f32; targets: N i64, each in [0, C) (trusted: they are device memory and are not read back).
/// Gradient: (softmax(logits) - onehot(target)) / N times dvalue.
/// Throws Error if shapes, types or devices do not fit.
Loss cross_entropy(const Tensor& logits, const Tensor& targets);

}  // namespace moco
