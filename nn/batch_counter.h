// num_batches_tracked of all batch normalisations of a network: how many batches each has seen in train mode.
#pragma once

#include <vector>

#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// The counts live side by side in one i64 tensor, so that counting a batch is one small copy to the device that waits
/// for nothing. Counts written from outside (a loaded checkpoint) are noticed by the tensor's version.
class BatchCounter {
  public:
    BatchCounter() = default;
    BatchCounter(int64_t layers, Backend& backend);

    /// The count of one layer, an i64 scalar that shares the counter's memory.
    Tensor scalar(int64_t layer) const;
    /// Adds one to the count of every layer from `first` on; while the device records, with each replay, for the
    /// numbers are the host's.
    void count_batch(int64_t first = 0);

  private:
    void add_one(int64_t first);

    Tensor counts_;              // layers
    std::vector<int64_t> host_;  // the same on the host, as of version seen_
    uint64_t seen_ = 0;
};

}  // namespace moco
