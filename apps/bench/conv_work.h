// One convolution's tensors and its three passes, and whether what they compute is right.
#pragma once

#include "core/dims.h"
#include "core/tensor.h"

namespace moco::apps {

enum class ConvPass { forward, backward_data, backward_weight };

/// "F", "D", "W".
const char* letter_of(ConvPass pass);

/// Random x, weight and dy, and room for y, dx and dweight. Activations have the type that the dims tell.
class ConvWork {
  public:
    ConvWork(const Conv2dDims& d, Backend& backend);

    void run(ConvPass pass);
    /// Runs the pass and compares some of what it writes with sums in double: the largest difference over the RMS of
    /// those sums.
    double error_of(ConvPass pass);

  private:
    Conv2dDims d_;
    Backend& backend_;
    Tensor x_, weight_, dy_, y_, dx_, dweight_;
};

}  // namespace moco::apps
