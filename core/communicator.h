// How the workers of one run talk: all_gather, all_reduce, broadcast. One page; one process and threads in one process
// implement it here, MPI and NCCL may later.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/tensor.h"

namespace moco {

class Communicator {
  public:
    virtual ~Communicator() = default;
    virtual int rank() const = 0;
    virtual int size() const = 0;
    /// All ranks' rows in rank order: n x C on each rank -> (size * n) x C. Collective, outside the graph.
    virtual Tensor all_gather_rows(const Tensor& rows) = 0;
    /// Replaces `values` (f32) by its mean over the ranks, added up in rank order: the same bits on every rank.
    virtual void all_reduce_mean(Tensor& values) = 0;
    /// Rank 0's values to everyone.
    virtual void broadcast(Tensor& values) = 0;
};

/// The communicator of a single process: gathers its own rows, averages over one.
class SingleProcess final : public Communicator {
  public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    Tensor all_gather_rows(const Tensor& rows) override { return rows; }
    void all_reduce_mean(Tensor&) override {}
    void broadcast(Tensor&) override {}
};

/// Runs worker(comm) on `ranks` threads that share one process, and returns when all have. If one throws, the others'
/// collectives throw too and the first exception is rethrown here.
void run_on_threads(int ranks, const std::function<void(Communicator&)>& worker);

}  // namespace moco
