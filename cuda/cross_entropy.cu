// Cross-entropy of softmax(logits) with one target a row, some of which may be spread evenly over all classes: a block
// a row, which reads it once.
#include "cuda/kernel_backend.h"
#include "cuda/log_sum.cuh"
#include "cuda/mean_loss.cuh"
#include "cuda/scratch.h"

namespace moco::cuda {
namespace {

constexpr int kMostThreads = 256;
constexpr int kAtOnce = 4;  // logits a thread loads before it computes

/// Threads for a row, whole warps: about kAtOnce logits for each, while that is enough.
int threads_for(int64_t columns) {
    int threads = kWarpSize;
    while (threads < kMostThreads && threads * kAtOnce < columns) threads *= 2;
    return threads;
}

KERNEL(kMostThreads)
losses_of_rows(const float* logits, const int64_t* targets, float* log_sum, Pair<float>* of_rows, int64_t columns,
               float smoothing) {
    SHARED_ARRAY(LogSum, partial, [kMaxWarps]);
    SHARED_ARRAY(float, partial_sum, [kMaxWarps]);
    const int64_t r = blockIdx.x, target = targets[r];
    const float* row = logits + r * columns;
    LogSum others = no_logits();
    float sum = 0;  // of logit - the target's
    for (int64_t first = threadIdx.x; first < columns; first += kAtOnce * blockDim.x) {
        float values[kAtOnce];
        UNROLL
        for (int u = 0; u < kAtOnce; ++u) {
            const int64_t c = first + int64_t{u} * blockDim.x;
            values[u] = c < columns && c != target ? row[c] : -INFINITY;
        }
        others = with_logits(others, values);
        UNROLL
        for (int u = 0; u < kAtOnce; ++u) sum += values[u] > -INFINITY ? values[u] - row[target] : 0.0f;
    }
    others = block_reduce(others, partial, JoinLogSums());
    sum = block_reduce(sum, partial_sum, Sum());
    if (threadIdx.x == 0) {
        const RowLoss result = row_loss(row[target], others);
        log_sum[r] = result.log_sum;
        // log_sum is held against the logits' mean, weighted by the targets.
        const float spread = smoothing > 0 ? smoothing * sum / static_cast<float>(columns) : 0.0f;
        of_rows[r] = {result.loss - spread, result.correct ? 1.0f : 0.0f};
    }
}

/// dlogits = factor * (softmax - targets). The gradient sums to zero: where p - 1 would lose its digits, that of the
/// target is minus the rest.
KERNEL(kMostThreads)
gradient_of_logits(const float* logits, const int64_t* targets, const float* log_sum, const float* dloss,
                   float* dlogits, int64_t columns, float smoothing) {
    SHARED_ARRAY(float, partial, [kMaxWarps]);
    const int64_t r = blockIdx.x, target = targets[r];
    const float* row = logits + r * columns;
    const float factor = *dloss / static_cast<float>(gridDim.x), shift = log_sum[r];
    const float elsewhere = smoothing / static_cast<float>(columns);  // the target distribution, off the target
    float rest = 0;
    for (int64_t c = threadIdx.x; c < columns; c += blockDim.x) {
        if (c == target) continue;
        const float gradient = factor * expf(row[c] - shift);
        dlogits[r * columns + c] = gradient - factor * elsewhere;
        rest += gradient;
    }
    rest = block_reduce(rest, partial, Sum());
    if (threadIdx.x == 0) {
        const float p = expf(row[target] - shift);
        dlogits[r * columns + target] = (p > 0.5f ? -rest : factor * (p - 1)) + factor * (smoothing - elsewhere);
    }
}

}  // namespace

void KernelBackend::cross_entropy_forward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                          float* loss, float* log_sum, float* correct) {
    const Scratch<Pair<float>> of_rows(*this, d.N);
    LAUNCH(losses_of_rows, static_cast<unsigned>(d.N), threads_for(d.C), 0, stream(), logits, targets, log_sum,
           of_rows.get(), d.C, d.smoothing);
    mean_loss(stream(), of_rows.get(), d.N, loss, correct);
}

void KernelBackend::cross_entropy_backward(const CrossEntropyDims& d, const float* logits, const int64_t* targets,
                                           const float* log_sum, const float* dloss, float* dlogits) {
    LAUNCH(gradient_of_logits, static_cast<unsigned>(d.N), threads_for(d.C), 0, stream(), logits, targets, log_sum,
           dloss, dlogits, d.C, d.smoothing);
}

}  // namespace moco::cuda
