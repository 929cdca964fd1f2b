// Gather, pick this rank's rows of the permutation, and the way back.
#include "moco/shuffle_bn.h"

#include <span>

#include "core/random.h"
#include "ops/gather_rows.h"

namespace moco {
namespace {

void check_order(const ShuffleOrder& order, int64_t rows) {
    std::vector<bool> seen(static_cast<size_t>(rows), false);
    bool permutation = static_cast<int64_t>(order.size()) == rows;
    for (size_t i = 0; permutation && i < order.size(); ++i) {
        permutation = order[i] >= 0 && order[i] < rows && !seen[static_cast<size_t>(order[i])];
        if (permutation) seen[static_cast<size_t>(order[i])] = true;
    }
    check(permutation, "place_order: the order of {} entries is no permutation of the {} rows of all ranks",
          order.size(), rows);
}

ShuffleOrder inverse(const ShuffleOrder& order) {
    ShuffleOrder result(order.size());
    for (size_t position = 0; position < order.size(); ++position) {
        result[static_cast<size_t>(order[position])] = static_cast<int64_t>(position);
    }
    return result;
}

/// Entries rank * N ... of an order, on the device.
Tensor slice_of(const ShuffleOrder& order, int64_t N, const Communicator& comm, Backend& backend) {
    const auto first = order.begin() + comm.rank() * N;
    return Tensor::from_host(std::vector<int64_t>(first, first + N), {N}, backend);
}

Tensor take_rows(const Tensor& x, const Tensor& index, Communicator& comm) {
    return index.defined() ? gather_rows(comm.all_gather_rows(x), index) : x;
}

}  // namespace

ShuffleOrder draw_shuffle_order(int64_t global_batch, uint64_t seed, int64_t epoch, int64_t step, int view) {
    Random random(seed, Purpose::bn_shuffle, static_cast<uint32_t>(epoch), static_cast<uint32_t>(step),
                  static_cast<uint32_t>(view));
    return random.permutation(global_batch);
}

PlacedOrder place_order(const ShuffleOrder& order, int64_t N, const Communicator& comm, Backend& backend) {
    if (order.empty()) return {};
    check_order(order, N * comm.size());
    return {slice_of(order, N, comm, backend), slice_of(inverse(order), N, comm, backend)};
}

Tensor shuffle_batch(const Tensor& x, const PlacedOrder& order, Communicator& comm) {
    return take_rows(x, order.index, comm);
}

Tensor unshuffle_batch(const Tensor& shuffled, const PlacedOrder& order, Communicator& comm) {
    return take_rows(shuffled, order.inverse, comm);
}

}  // namespace moco
