// Queries and keys of one step: encoders over the views, with shuffling BN.
#pragma once

#include <vector>

#include "moco/train_step.h"

namespace moco {

/// f(x), L2-normalised: N x C, of x or, where a batch goes through f in parts, of the part x.
Tensor encode(Network& f, const Tensor& x, const BatchPart& part = {});

/// A query and its positive key, row by row.
struct QueriesAndKeys {
    Tensor q, k;  // N/A x C each, L2-normalised; only q is in the graph
};

/// Neither encoder depends on the other: where a device gains by it, it computes both at a time. Else keys come before
/// queries: the key encoder keeps nothing for backward, so its activations are gone before those of the queries pile
/// up. Where the batch is cut into parts, all keys come first, so that every part sees the same key encoder.
class Encoding {
  public:
    /// Computes all keys, and the queries of the first part. Collective over comm. All must outlive this.
    Encoding(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm);

    /// Queries of part a (the next one each time) with their keys: one pair for each direction of the loss.
    std::vector<QueriesAndKeys> part(int64_t a);
    /// Adds the gradient of a part's loss.
    void backward(Loss& loss);
    /// All ranks' keys of this step in the order in which the queue takes them: view 1's before view 2's.
    Tensor all_gather_keys();

  private:
    Tensor keys_of(const Tensor& view);
    std::vector<Tensor> queries_of_part(int64_t a);

    Moco& moco_;
    const Views& x_;
    const PlacedNumbers& numbers_;
    Communicator& comm_;
    std::vector<Tensor> q_, k_;  // by direction: q_ of the current part, k_ of the whole batch
};

}  // namespace moco
