// InfoNCE, fused: the contrastive loss of the paper (Eqn. 1) streamed over the queue.
#pragma once

#include "ops/loss.h"

namespace moco {

/// value = mean over the rows of -log( exp(q.k / T) / (exp(q.k / T) + sum over the queue of exp(q.queue_i / T)) ): a
/// (1+K)-way classification whose class 0 is the positive. correct / N is the contrast accuracy.
///
/// q: N,C queries; k: N,C their keys; queue: K,C negatives; f32; T > 0: the temperature.
/// Never holds N x (1+K) logits: forward streams over the queue tile by tile. Where a gradient will be wanted it keeps
/// the queue's mean weighted by the softmax, one row a query (CPU), or backward recomputes the logits (CUDA). Equal to
/// info_nce_literal up to rounding.
/// Gradient: dq, and dk if k wants one; the queue takes none. The queue must not change before backward.
/// Throws Error if shapes, types or devices do not fit, if T <= 0, or if the queue wants a gradient.
Loss info_nce(const Tensor& q, const Tensor& k, const Tensor& queue, float T);

}  // namespace moco
