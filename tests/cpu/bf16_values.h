// Values and results of tests in bf16.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/bf16.h"
#include "tests/reference/conv2d.h"
#include "tests/support/tolerances.h"

namespace moco::testing {

inline std::vector<uint16_t> narrowed(const std::vector<float>& values) {
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), float_to_bf16);
    return bits;
}

inline std::vector<float> widened(const std::vector<uint16_t>& bits) {
    std::vector<float> values(bits.size());
    std::transform(bits.begin(), bits.end(), values.begin(), bf16_to_float);
    return values;
}

inline reference::Values exactly(const std::vector<uint16_t>& bits) {
    const std::vector<float> values = widened(bits);
    return {values.begin(), values.end()};
}

/// Results between guards: every element must be written (NaN stays visible), none beyond them.
template <typename T>
class Result {
  public:
    Result(int64_t count, T nan) : nan_(nan), memory_(static_cast<size_t>(count) + 2 * kGuard, nan) {}
    T* data() { return memory_.data() + kGuard; }
    std::vector<T> values() const {
        for (size_t i = 0; i < kGuard; ++i)
            EXPECT_TRUE(is_nan(memory_[i]) && is_nan(memory_[memory_.size() - 1 - i])) << "wrote outside";
        return {memory_.begin() + kGuard, memory_.end() - kGuard};
    }

  private:
    static constexpr size_t kGuard = 64;
    bool is_nan(T value) const { return std::memcmp(&value, &nan_, sizeof(T)) == 0; }
    T nan_;
    std::vector<T> memory_;
};

/// The largest of |got - expected| - rounding * |expected|, over the RMS of what is expected.
inline double excess_over_rms(const std::vector<float>& got, const reference::Values& expected, double rounding) {
    double squares = 0, excess = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        squares += expected[i] * expected[i];
        const double e = std::abs(got[i] - expected[i]) - rounding * std::abs(expected[i]);
        if (!(e <= excess)) excess = e;  // NaN, too
    }
    const double rms = std::sqrt(squares / static_cast<double>(got.size()));
    return rms > 0 ? excess / rms : excess;
}

}  // namespace moco::testing
