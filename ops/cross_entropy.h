// Softmax cross-entropy.
#pragma once

#include "ops/loss.h"

namespace moco {

struct CrossEntropyOptions {
    float smoothing = 0;  // label smoothing (Szegedy et al., arXiv:1512.00567, Sec. 7), 0 <= smoothing < 1
};

/// value = mean over the rows of -sum over the classes c of t[c] * log softmax(logits)[c], where t is 1 - smoothing at
/// the target plus smoothing / C everywhere.
///
/// logits: N,C f32; targets: N i64, each in [0, C) (trusted: they are device memory and are not read back).
/// Gradient: (softmax(logits) - t) / N times dvalue.
/// Throws Error if shapes, types or devices do not fit, or for another smoothing.
Loss cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {});

}  // namespace moco
