// Stochastic gradient descent with momentum and weight decay, one call over one arena.
#pragma once

#include <vector>

#include "nn/device_value.h"
#include "nn/parameter_arena.h"

namespace moco {

/// PyTorch's SGD (no Nesterov, dampening 0): g = dw + weight_decay * w; v = momentum * v + g; w -= lr * v. Weight decay
/// covers every parameter, biases and batch normalisation included, as in the paper's code.
class Sgd {
  public:
    /// `arena` (with gradients) must outlive the optimizer. Momenta start at zero, and so does the learning rate.
    Sgd(ParameterArena& arena, const SgdOptions& options);

    /// Of the steps from now on. The device reads it: a step that was recorded replays with the rate set last.
    void set_learning_rate(float lr) { lr_.set(lr); }
    /// Sets all gradients to zero; backward adds to them.
    void zero_grad() { arena_->zero_gradients(); }
    /// Updates every parameter.
    void step();
    /// The momenta under their parameters' names, for checkpoints; views: writing to them writes to the optimizer.
    std::vector<NamedTensor> momenta() const;

  private:
    ParameterArena* arena_;
    SgdOptions options_;
    DeviceValue<float> lr_;
    Tensor v_;  // laid out like the arena
};

}  // namespace moco
