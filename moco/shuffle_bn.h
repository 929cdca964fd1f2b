// Shuffling BN (paper, Sec. 3.3): keys are normalised in other company than their queries, so that batch statistics do
// not give the positive away.
//
// Several workers: the key batch is gathered, permuted by one order that all ranks share, and each rank computes its
// slice with its own statistics. One process: the whole key batch is permuted, and the S splits of its batch norm
// (position p belongs to split p mod S) take the part of the ranks. Both are the same function.
#pragma once

#include <cstdint>
#include <vector>

#include "core/communicator.h"
#include "core/tensor.h"

namespace moco {

/// A permutation of the global key batch (N x ranks rows, in rank order): position p of the shuffled batch holds row
/// order[p]. The same on every rank. Empty: leave the keys where they are (--no-shuffle-bn).
using ShuffleOrder = std::vector<int64_t>;

/// The order of one step, from Random(seed, Purpose::bn_shuffle, epoch, step, view). step: within the epoch. view: 0,
/// or 1 for the second key batch of the symmetric loss.
ShuffleOrder draw_shuffle_order(int64_t global_batch, uint64_t seed, int64_t epoch, int64_t step, int view);

/// An order where the device reads it, as this rank needs it: which rows it takes on the way out, which on the way
/// back.
struct PlacedOrder {
    Tensor index, inverse;  // N, i64; undefined: the keys stay where they are
};

/// Copies the order of N rows a rank to the device. Throws Error if it is not a permutation of the N x ranks rows.
PlacedOrder place_order(const ShuffleOrder& order, int64_t N, const Communicator& comm, Backend& backend);

/// This rank's slice of the shuffled batch. x: N rows of any shape, the same N on every rank. Collective; outside the
/// graph.
Tensor shuffle_batch(const Tensor& x, const PlacedOrder& order, Communicator& comm);

/// The way back: this rank's own rows out of everybody's. unshuffle_batch(shuffle_batch(x)) == x.
Tensor unshuffle_batch(const Tensor& shuffled, const PlacedOrder& order, Communicator& comm);

}  // namespace moco
