// One training step of MoCo: Algorithm 1 of He et al., arXiv:1911.05722.
#pragma once

#include <array>
#include <vector>

#include "core/communicator.h"
#include "moco/model.h"
#include "moco/shuffle_bn.h"

namespace moco {

/// Two augmented views of the same N images: N x H x W x channels each.
struct Views {
    Tensor query, key;
};

/// The parts of a step, for whoever measures them.
enum class StepPhase { encode, loss, backward, update };

/// Told when a part of the step begins; the last one ends when train_step returns.
class StepClock {
  public:
    virtual ~StepClock() = default;
    virtual void enter(StepPhase) {}
};

/// The numbers of one step.
struct StepNumbers {
    float lr = 0;      // learning rate of SGD
    float m = 0.999f;  // momentum of the key encoder
    float T = 0.07f;   // temperature
    // Of the key batch; for the symmetric step, of view 2's and of view 1's. Empty orders do not shuffle.
    std::vector<ShuffleOrder> orders = std::vector<ShuffleOrder>(2);
};

/// The same where the device reads them; lr, m and the queue's pointer are in Moco::state.
struct PlacedNumbers {
    float T = 0;
    std::array<PlacedOrder, 2> orders;
};

/// What a step reports. The tensors stay on the device until somebody asks.
struct StepResult {
    Tensor loss;          // scalar: the mean over the queries (the sum of both means for the symmetric step)
    Tensor correct;       // scalar: how many queries are more similar to their key than to every negative
    int64_t queries = 0;  // of this rank; correct / queries is the contrast accuracy
};

/// One step on the views x of this rank's images: changes moco, in the order of the reference code. Collective over
/// comm: every rank calls it with as many images and the same numbers. Throws Error if N times the ranks exceeds K.
StepResult train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm, StepClock& clock);

/// The symmetric variant (the CIFAR demo of the reference code): loss(x1 -> x2) + loss(x2 -> x1), the sum, both against
/// the same queue; one momentum update; then both batches of keys are enqueued, view 1's first. 2N must fit into K.
StepResult symmetric_train_step(Moco& moco, const Views& x, const StepNumbers& numbers, Communicator& comm,
                                StepClock& clock);

/// The two halves of either step: first the numbers go to the device (N: images of this rank), then the device is given
/// all the rest, which copies nothing from or to the host, so that it can be recorded (moco/recorded_step.h).
PlacedNumbers place_numbers(Moco& moco, const StepNumbers& numbers, int64_t N, Communicator& comm);
StepResult algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm, StepClock& clock);
StepResult symmetric_algorithm_1(Moco& moco, const Views& x, const PlacedNumbers& numbers, Communicator& comm,
                                 StepClock& clock);

}  // namespace moco
