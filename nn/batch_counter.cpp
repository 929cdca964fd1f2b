#include "nn/batch_counter.h"

namespace moco {

BatchCounter::BatchCounter(int64_t layers, Backend& backend)
    : counts_(Tensor::zeros({layers}, DType::i64, backend)),
      host_(static_cast<size_t>(layers), 0),
      seen_(counts_.version()) {}

Tensor BatchCounter::scalar(int64_t layer) const {
    return counts_.rows(layer, layer + 1).viewed_as({});
}

void BatchCounter::count_batch(int64_t first) {
    counts_.backend().beside_work([this, first] { add_one(first); });
}

void BatchCounter::add_one(int64_t first) {
    if (counts_.version() != seen_) host_ = counts_.to_vector<int64_t>();
    for (size_t layer = static_cast<size_t>(first); layer < host_.size(); ++layer) ++host_[layer];
    counts_.copy_from_host(host_.data());
    seen_ = counts_.version();
}

}  // namespace moco
