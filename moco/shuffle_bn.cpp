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
    check(permutation, "shuffle_batch: the order of {} entries is no permutation of the {} rows of all ranks",
          order.size(), rows);
}

ShuffleOrder inverse(const ShuffleOrder& order) {
    ShuffleOrder result(order.size());
    for (size_t position = 0; position < order.size(); ++position) {
        result[static_cast<size_t>(order[position])] = static_cast<int64_t>(position);
    }
    return result;
}

/// Rows order[rank * n ...] of everybody's rows, n being the rows of one rank.
Tensor take_slice(const Tensor& x, const ShuffleOrder& order, Communicator& comm) {
    const int64_t n = x.dim(0);
    check_order(order, n * comm.size());
    const auto first = order.begin() + comm.rank() * n;
    const Tensor index = Tensor::from_host(std::vector<int64_t>(first, first + n), {n}, x.backend());
    return gather_rows(comm.all_gather_rows(x), index);
}

}  // namespace

ShuffleOrder draw_shuffle_order(int64_t global_batch, uint64_t seed, int64_t epoch, int64_t step, int view) {
    Random random(seed, Purpose::bn_shuffle, static_cast<uint32_t>(epoch), static_cast<uint32_t>(step),
                  static_cast<uint32_t>(view));
    return random.permutation(global_batch);
}

Tensor shuffle_batch(const Tensor& x, const ShuffleOrder& order, Communicator& comm) {
    return order.empty() ? x : take_slice(x, order, comm);
}

Tensor unshuffle_batch(const Tensor& shuffled, const ShuffleOrder& order, Communicator& comm) {
    return order.empty() ? shuffled : take_slice(shuffled, inverse(order), comm);
}

}  // namespace moco
