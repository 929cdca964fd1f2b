// The dictionary as a queue (paper, Sec. 3.2): the keys of the last batches, the negatives of the next one.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "moco/method_state.h"
#include "nn/state.h"

namespace moco {

/// K keys of C features, oldest overwritten first. Stored K x C, so that enqueue copies contiguous rows. Any batch of
/// up to K keys fits: the write wraps around. Owns its memory; one thread at a time.
class KeyQueue {
  public:
    /// Random keys: rows of normal(0,1) numbers, L2-normalised. Row i draws from Random(seed, Purpose::queue, 0, i).
    KeyQueue(int64_t K, int64_t C, uint64_t seed, Backend& backend);

    /// K x C, f32. Changes with every enqueue, so a loss must run its backward before.
    const Tensor& keys() const { return keys_; }
    /// The row that the next key overwrites.
    int64_t pointer() const { return pointer_; }

    /// Overwrites the N oldest keys with `k` (N x C) and advances the pointer by N (mod K). The device reads the
    /// pointer from `state`, which must have been set from pointer(). Throws Error if k does not fit.
    void enqueue(const Tensor& k, const DeviceMethodState& state);

    /// Shows `queue` (C x K in files) and `queue_ptr`.
    void visit(StateVisitor& visitor);

  private:
    Tensor keys_;
    int64_t pointer_ = 0;
};

}  // namespace moco
