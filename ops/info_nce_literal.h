// InfoNCE, literal: the composition that Algorithm 1 of the paper writes down.
#pragma once

#include "ops/loss.h"

namespace moco {

/// The same loss as info_nce, by its definition: logits = [q.k, q.queue^T] / T, cross-entropy with class 0. Holds N x
/// (1+K) logits and their gradient; for reading, and to prove the fused one against.
///
/// q: N,C queries; k: N,C their keys; queue: K,C negatives; f32; T > 0: the temperature.
/// Gradient: to whatever of q, k and queue wants one. Throws Error as info_nce does, but for the queue's gradient.
Loss info_nce_literal(const Tensor& q, const Tensor& k, const Tensor& queue, float T);

}  // namespace moco
