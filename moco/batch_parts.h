// A batch cut into parts that go through a network one after the other (--accumulate): the gradient of a large batch in
// the memory of a small one. Sample n belongs to part n mod A, so that a part's batch norm splits are splits of the
// whole.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace moco {

/// A batch of N rows in A parts, where the device reads which rows are whose.
class BatchParts {
  public:
    /// Throws Error unless A >= 1 divides N.
    BatchParts(int64_t N, int64_t A, Backend& backend);

    int64_t count() const { return A_; }
    /// Part a's rows of x (N rows): N/A rows. x itself if there is one part.
    Tensor part(const Tensor& x, int64_t a) const;
    /// The way back: N rows from one tensor a part.
    Tensor together(const std::vector<Tensor>& parts) const;
    /// What lies on the device, for a step that is recorded.
    std::vector<Tensor*> placed();

  private:
    int64_t A_;
    std::vector<Tensor> rows_;  // A times N/A, i64; none if there is one part
    Tensor back_;               // N, i64
};

}  // namespace moco
