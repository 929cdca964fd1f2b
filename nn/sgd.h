// Stochastic gradient descent with momentum and weight decay, one call over one arena, or over each of its ranges.
#pragma once

#include <vector>

#include "nn/device_value.h"
#include "nn/parameter_arena.h"

namespace moco {

/// Consecutive parameters of an arena, [first, first + count), that are updated alike.
struct ParameterGroup {
    size_t first = 0, count = 0;
    SgdOptions options;
    float lr_factor = 1;  // times the learning rate that is set
};

/// PyTorch's SGD (no Nesterov, dampening 0): g = dw + weight_decay * w; v = momentum * v + g; w -= lr * v. Weight decay
/// covers every parameter, biases and batch normalisation included, as in the paper's code.
class Sgd {
  public:
    /// `arena` (with gradients) must outlive the optimizer. Momenta start at zero, and so does the learning rate.
    Sgd(ParameterArena& arena, const SgdOptions& options);
    /// Parameters of no group stay as they are. Throws Error for groups beyond the arena.
    Sgd(ParameterArena& arena, std::vector<ParameterGroup> groups);

    /// Of the steps from now on. The device reads it: a step that was recorded replays with the rate set last.
    void set_learning_rate(float lr);
    /// Sets all gradients to zero; backward adds to them.
    void zero_grad() { arena_->zero_gradients(); }
    /// Updates every parameter, a call of the backend a group.
    void step();
    /// The momenta under their parameters' names, for checkpoints; views: writing to them writes to the optimizer.
    std::vector<NamedTensor> momenta() const;

  private:
    ParameterArena* arena_;
    std::vector<ParameterGroup> groups_;
    std::vector<DeviceValue<float>> lr_;  // of each group
    Tensor v_;                            // laid out like the arena
};

}  // namespace moco
