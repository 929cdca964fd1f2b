// Random tensors, and how far some results lie from what they should be.
#include "apps/bench/samples.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace moco::apps {

Tensor random_tensor(const Shape& shape, uint32_t stream, Backend& backend) {
    Random random(0, Purpose::bench, 2, stream);
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (float& value : values) value = random.uniform(-1, 1);
    return Tensor::from_host(values, shape, backend);
}

void Difference::add(double computed, double expected) {
    const double difference = std::abs(computed - expected);
    largest_ = std::isnan(difference) || std::isnan(largest_) ? std::nan("") : std::max(largest_, difference);
    squares_ += expected * expected;
    ++count_;
}

double Difference::over_rms() const {
    return squares_ > 0 ? largest_ / std::sqrt(squares_ / static_cast<double>(count_)) : largest_;
}

}  // namespace moco::apps
