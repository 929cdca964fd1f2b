// The queue's first keys, and enqueue.
#include "moco/queue.h"

#include "core/backend.h"
#include "moco/random_rows.h"

namespace moco {

KeyQueue::KeyQueue(int64_t K, int64_t C, uint64_t seed, Backend& backend) {
    check(K >= 1 && C >= 1, "KeyQueue: K = {} keys of C = {} features; both must be at least 1", K, C);
    keys_ = random_unit_rows(K, C, seed, Purpose::queue, backend);
}

void KeyQueue::enqueue(const Tensor& k, const DeviceMethodState& state) {
    const int64_t N = k.dim(0), K = keys_.dim(0), C = keys_.dim(1);
    check(k.shape().rank() == 2 && k.dim(1) == C && N <= K,
          "KeyQueue: keys of shape {} do not fit into the queue of shape {} (K,C): at most K rows of C features",
          k.shape(), keys_.shape());
    check(state.host().queue_ptr == pointer_, "KeyQueue: the step state points at row {}, the queue at row {}",
          state.host().queue_ptr, pointer_);
    Backend& backend = keys_.backend();
    backend.enqueue(&state.data()->queue_ptr, k.data(), keys_.mutable_data(), N, K, C);
    backend.beside_work([this, N, K] {
        keys_.bump_version();
        pointer_ = (pointer_ + N) % K;
    });
}

void KeyQueue::visit(StateVisitor& visitor) {
    visitor.tensor({"queue", keys_, FileLayout::transposed});
    visitor.integer("queue_ptr", pointer_, keys_.dim(0));
}

}  // namespace moco
