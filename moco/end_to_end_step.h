// One training step of the end-to-end mechanism (paper, figure 2 a): queries and keys come from one encoder, and
// gradients flow into both. The dictionary is the batch.
#pragma once

#include <vector>

#include "moco/single_encoder.h"
#include "moco/train_step.h"

namespace moco {

/// The batches that a step can hold: logits are a batch x batch matrix.
inline constexpr int64_t kMostKeysEndToEnd = 4096;

/// The numbers of one step.
struct EndToEndNumbers {
    float lr = 0;             // learning rate of SGD
    float T = 0.07f;          // temperature
    ShuffleOrder order = {};  // of the keys' batch; empty: do not shuffle
};

/// The same where the device reads them; lr is the optimizer's.
struct PlacedEndToEnd {
    float T;
    PlacedOrder order;
    Tensor targets;  // N, i64: which of all keys is whose

    /// What lies on the device, for a step that is recorded.
    std::vector<Tensor*> placed();
};

/// Copies the numbers to the device. N: images of this rank.
PlacedEndToEnd place_numbers(SingleEncoder& encoder, const EndToEndNumbers& numbers, int64_t N,
                             const Communicator& comm);

/// One step on the views x of this rank's images. K, the keys, is N times the ranks. Copies nothing from or to the
/// host. Collective over comm: every rank calls it with as many images and the same numbers.
StepResult end_to_end_step(SingleEncoder& encoder, const Views& x, const PlacedEndToEnd& numbers, Communicator& comm);

/// The loss of that step: each query picks its key among all: the mean of -log softmax(q . keys^T / T)[target].
/// q: N x C; keys: K x C; targets: N, i64, each below K. Gradient: to q and to the keys.
Loss contrast_within_batch(const Tensor& q, const Tensor& keys, const Tensor& targets, float T);

}  // namespace moco
