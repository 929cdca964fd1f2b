// Log-sum-exp in passing, and the loss of a row that follows from it.
#pragma once

#include <cmath>

#include "cuda/reduce.cuh"

namespace moco::cuda {

/// Of some logits: the maximum, and the sum of exp(logit - maximum). Of none: {-infinity, 0}. A NaN among them makes
/// both NaN.
using LogSum = Pair<float>;

DEVICE LogSum no_logits() {
    return {-INFINITY, 0.0f};
}

/// Where sums of a maximum are taken from: -infinity minus itself would be NaN.
DEVICE float base_of(float maximum) {
    return maximum == -INFINITY ? 0.0f : maximum;
}

/// The log-sum of the logits of both.
struct JoinLogSums {
    DEVICE LogSum operator()(const LogSum& a, const LogSum& b) const {
        const float maximum = Max()(a.first, b.first), base = base_of(maximum);
        return {maximum, a.second * expf(a.first - base) + b.second * expf(b.first - base)};
    }
};

/// Takes `count` more logits in.
template <int count>
DEVICE LogSum with_logits(const LogSum& before, const float (&logits)[count]) {
    float maximum = before.first;
    UNROLL
    for (int i = 0; i < count; ++i) maximum = Max()(maximum, logits[i]);
    const float base = base_of(maximum);
    float sum = before.second * expf(before.first - base);
    UNROLL
    for (int i = 0; i < count; ++i) sum += expf(logits[i] - base);
    return {maximum, sum};
}

/// Of a row with one logit at the target and the log-sum of the others: -log softmax, the log-sum of all, and whether
/// the target's is the strict maximum.
struct RowLoss {
    float loss, log_sum;
    bool correct;
};

/// Keeps its digits where the loss is small.
DEVICE RowLoss row_loss(float target, const LogSum& others) {
    if (target >= others.first) {
        const float loss = log1pf(others.second * expf(others.first - target));
        return {loss, target + loss, target > others.first};
    }
    const float log_of_sum = logf(others.second + expf(target - others.first));
    return {(others.first - target) + log_of_sum, others.first + log_of_sum, false};
}

}  // namespace moco::cuda
