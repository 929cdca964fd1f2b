// One training step of MoCo: Algorithm 1 of He et al., arXiv:1911.05722.
#pragma once

#include <vector>

#include "core/communicator.h"
#include "moco/batch_parts.h"
#include "moco/model.h"
#include "moco/shuffle_bn.h"
#include "moco/step_result.h"

namespace moco {

/// Two augmented views of the same N images: N x H x W x channels each.
struct Views {
    Tensor query, key;

    /// The views of a direction of the loss: 0: query to key, 1: key to query.
    const Tensor& query_of(size_t direction) const { return direction == 0 ? query : key; }
    const Tensor& key_of(size_t direction) const { return direction == 0 ? key : query; }
};

/// Which view asks and which answers. one_way: loss(x1 -> x2), Algorithm 1. both_ways: the symmetric loss of the
/// reference code's CIFAR demo, loss(x1 -> x2) + loss(x2 -> x1), the sum, both against the same queue.
enum class LossDirections { one_way = 1, both_ways = 2 };

/// The numbers of one step.
struct StepNumbers {
    float lr = 0;      // learning rate of SGD
    float m = 0.999f;  // momentum of the key encoder
    float T = 0.07f;   // temperature
    LossDirections directions = LossDirections::one_way;
    int64_t parts = 1;  // A: the batch goes through the encoders in so many parts (moco/batch_parts.h)
    // Of each direction's key batch. Empty orders, or none, do not shuffle.
    std::vector<ShuffleOrder> orders = {};
};

/// The same where the device reads them; lr is the optimizer's, m and the queue's pointer are in Moco::state.
struct PlacedNumbers {
    float T;
    BatchParts parts;
    std::vector<PlacedOrder> orders;  // one a direction

    /// What lies on the device, for a step that is recorded.
    std::vector<Tensor*> placed();
};

/// One step on the views x of this rank's images: changes moco, in the order of the reference code. Collective over
/// comm: every rank calls it with as many images and the same numbers. Throws Error if N times the ranks (twice that
/// for both_ways: both views' keys are enqueued) exceeds K.
StepResult train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm);

/// The two halves of a step: first the numbers go to the device (N: images of this rank), then the device is given all
/// the rest, which copies nothing from or to the host, so that it can be recorded (moco/train/recorded_step.h).
PlacedNumbers place_numbers(Moco& moco, const StepNumbers& numbers, int64_t N, Communicator& comm);
StepResult algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm);

}  // namespace moco
