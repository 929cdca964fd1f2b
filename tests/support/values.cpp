#include "tests/support/values.h"

#include <cmath>
#include <limits>

namespace moco::testing {
namespace {

uint32_t hash(uint32_t index, uint32_t salt) {
    uint32_t h = index * 2654435761u + salt * 2246822519u + 374761393u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    h *= 3266489917u;
    h ^= h >> 16;
    return h;
}

}  // namespace

std::vector<float> formula_values(int64_t count, uint32_t salt) {
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(hash(static_cast<uint32_t>(i), salt) >> 8) * 0x1p-23f - 1.0f;
    }
    return values;
}

Tensor formula_tensor(const Shape& shape, uint32_t salt, Backend& backend, float factor) {
    std::vector<float> values = formula_values(shape.count(), salt);
    for (float& value : values) value *= factor;
    return Tensor::from_host(values, shape, backend);
}

double error_over_rms(const std::vector<float>& got, const std::vector<double>& expected) {
    if (got.size() != expected.size()) return std::numeric_limits<double>::infinity();
    double worst = 0, squares = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double difference = std::abs(got[i] - expected[i]);
        if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
        worst = std::max(worst, difference);
        squares += expected[i] * expected[i];
    }
    return squares > 0 ? worst / std::sqrt(squares / static_cast<double>(expected.size())) : worst;
}

double error_over_rms(const std::vector<float>& got, const std::vector<float>& expected) {
    return error_over_rms(got, std::vector<double>(expected.begin(), expected.end()));
}

}  // namespace moco::testing
