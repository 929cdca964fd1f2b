#include "moco/interchange/tensor_diff.h"

#include <cmath>

namespace moco {
namespace {

std::vector<double> numbers_of(const TensorFile& file, const TensorEntry& entry) {
    if (is_floating(entry.dtype)) {
        const std::vector<float> floats = file.read_floats(entry);
        return {floats.begin(), floats.end()};
    }
    const std::vector<int64_t> whole = file.read_integers(entry);
    return {whole.begin(), whole.end()};
}

void compare(const std::vector<double>& a, const std::vector<double>& b, TensorDiff& diff) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        const double difference = a[i] == b[i] ? 0 : std::abs(a[i] - b[i]);  // equal infinities do not differ
        if (!(difference <= diff.largest)) diff.largest = difference;
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
        if (std::isnan(difference)) break;
    }
    diff.compared = true;
    diff.cosine = aa == 0 && bb == 0 ? 1 : aa == 0 || bb == 0 ? 0 : ab / (std::sqrt(aa) * std::sqrt(bb));
}

}  // namespace

std::vector<TensorDiff> diff_of(const TensorFile& a, const TensorFile& b) {
    std::vector<TensorDiff> all;
    for (const TensorEntry& entry : a.entries()) {
        TensorDiff diff = {entry.name, true, false, entry.shape, {}};
        if (const TensorEntry* other = b.find(entry.name)) {
            diff.in_b = true;
            diff.shape_b = other->shape;
            if (other->shape == entry.shape) compare(numbers_of(a, entry), numbers_of(b, *other), diff);
        }
        all.push_back(std::move(diff));
    }
    for (const TensorEntry& entry : b.entries()) {
        if (a.find(entry.name) == nullptr) all.push_back({entry.name, false, true, {}, entry.shape});
    }
    return all;
}

}  // namespace moco
