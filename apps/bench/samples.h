// Random tensors, and how far some results lie from what they should be.
#pragma once

#include <cstdint>

#include "core/random.h"
#include "core/tensor.h"

namespace moco::apps {

/// Uniform in [-1, 1), f32; each stream has numbers of its own.
Tensor random_tensor(const Shape& shape, uint32_t stream, Backend& backend);

/// Which elements of a result are looked at: some of [0, count), always the same.
class Samples {
  public:
    static constexpr int kCount = 48;
    explicit Samples(int64_t count) : random_(0, Purpose::bench, 3), count_(count) {}
    int64_t next() { return static_cast<int64_t>(random_.below(static_cast<uint32_t>(count_))); }

  private:
    Random random_;
    int64_t count_;
};

/// Compares computed values with the definition in double.
class Difference {
  public:
    void add(double computed, double expected);
    /// The largest difference over the RMS of what was expected; NaN if one was NaN.
    double over_rms() const;

  private:
    double squares_ = 0, largest_ = 0;
    int64_t count_ = 0;
};

}  // namespace moco::apps
