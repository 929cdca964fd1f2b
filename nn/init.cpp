#include "nn/init.h"

#include <cmath>

#include "core/random.h"

namespace moco {

Tensor Initializer::kaiming_normal(const Shape& shape) {
    const int64_t fan_out = shape.count() / shape[3];  // O * H * W of O,H,W,I
    return normal(shape, std::sqrt(2.0f / static_cast<float>(fan_out)));
}

Tensor Initializer::normal(const Shape& shape, float deviation) {
    Random random(seed_, Purpose::init, 0, next_++);
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (float& value : values) value = deviation * random.normal();
    return Tensor::from_host(values, shape, backend_);
}

Tensor Initializer::uniform(const Shape& shape, int64_t fan_in) {
    Random random(seed_, Purpose::init, 0, next_++);
    const float bound = 1.0f / std::sqrt(static_cast<float>(fan_in));
    std::vector<float> values(static_cast<size_t>(shape.count()));
    for (float& value : values) value = random.uniform(-bound, bound);
    return Tensor::from_host(values, shape, backend_);
}

Tensor Initializer::constant(const Shape& shape, float value) {
    ++next_;
    return Tensor::full(shape, value, backend_);
}

}  // namespace moco
