// How fresh parameters are drawn (He et al. 2015 for convolutions, PyTorch's defaults for the rest).
#pragma once

#include <cstdint>

#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// Hands out the random stream of each parameter. Parameter number i of a network draws from
/// Random(seed, Purpose::init, 0, i): a parameter's values depend on the seed and its number alone.
class Initializer {
  public:
    /// `backend` holds the parameters and must outlive them.
    Initializer(uint64_t seed, Backend& backend) : seed_(seed), backend_(backend) {}

    /// Convolution weight O,H,W,I from a normal of standard deviation sqrt(2 / fan_out), fan_out = O * H * W, in memory
    /// order.
    Tensor kaiming_normal(const Shape& shape);
    /// Uniform in [-bound, bound), bound = 1 / sqrt(fan_in).
    Tensor uniform(const Shape& shape, int64_t fan_in);
    /// Normal of mean 0.
    Tensor normal(const Shape& shape, float deviation);
    /// The same value everywhere (gamma 1, beta 0). Takes a number, too, so that those of later parameters do not
    /// depend on how this one is filled.
    Tensor constant(const Shape& shape, float value);

    Backend& backend() const { return backend_; }

  private:
    uint64_t seed_;
    Backend& backend_;
    uint32_t next_ = 0;
};

}  // namespace moco
