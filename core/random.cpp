#include "core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace moco {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t a = uint64_t{0xD2511F53} * counter[0];
        const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
                   static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
        key[0] += 0x9E3779B9;
        key[1] += 0xBB67AE85;
    }
    return counter;
}

Random::Random(uint64_t seed, Purpose purpose, uint32_t epoch, uint32_t sample, uint32_t view)
    : key_{static_cast<uint32_t>(seed) ^ static_cast<uint32_t>(seed >> 32) * 0x9E3779B9,
           static_cast<uint32_t>(purpose)},
      counter_{0, view, sample, epoch} {}

uint32_t Random::bits() {
    if (used_ == 4) {
        block_ = philox(counter_, key_);
        ++counter_[0];
        used_ = 0;
    }
    return block_[static_cast<size_t>(used_++)];
}

float Random::uniform() {
    return static_cast<float>(bits() >> 8) * 0x1p-24f;
}

float Random::uniform(float low, float high) {
    const float value = low + (high - low) * uniform();
    return value < high ? value : std::nextafter(high, low);
}

uint32_t Random::below(uint32_t bound) {
    // Lemire, "Fast random integer generation in an interval" (2019): a multiplication, rarely a second draw.
    uint64_t product = uint64_t{bits()} * bound;
    if (static_cast<uint32_t>(product) < bound) {
        const uint32_t threshold = -bound % bound;
        while (static_cast<uint32_t>(product) < threshold) product = uint64_t{bits()} * bound;
    }
    return static_cast<uint32_t>(product >> 32);
}

float Random::normal() {
    if (std::exchange(has_spare_, false)) return spare_;
    const double u = (static_cast<double>(bits()) + 0.5) * 0x1p-32;
    const double angle = 2 * std::numbers::pi * static_cast<double>(bits()) * 0x1p-32;
    const double radius = std::sqrt(-2 * std::log(u));
    spare_ = static_cast<float>(radius * std::sin(angle));
    has_spare_ = true;
    return static_cast<float>(radius * std::cos(angle));
}

std::vector<int64_t> Random::permutation(int64_t n) {
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(static_cast<uint32_t>(i))]);
    return order;
}

}  // namespace moco
