// The CPU's bf16 convolutions against the definition in double, over the relations that sizes can have to the tiles.
#include "cpu/conv2d_bf16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/bf16.h"
#include "core/parallel.h"
#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/reference/conv2d.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::conv2d_shapes;
using testing::formula_values;
using testing::name_of;
using testing::on_each_target;
using testing::reference::Values;

/// The largest relative error of one rounding to bf16, which has eight bits.
constexpr double kEpsilon = 0x1p-8;

std::vector<uint16_t> narrowed(const std::vector<float>& values) {
    std::vector<uint16_t> bits(values.size());
    std::transform(values.begin(), values.end(), bits.begin(), float_to_bf16);
    return bits;
}

std::vector<float> widened(const std::vector<uint16_t>& bits) {
    std::vector<float> values(bits.size());
    std::transform(bits.begin(), bits.end(), values.begin(), bf16_to_float);
    return values;
}

Values exactly(const std::vector<uint16_t>& bits) {
    const std::vector<float> values = widened(bits);
    return {values.begin(), values.end()};
}

struct Inputs {
    std::vector<uint16_t> x, dy;
    std::vector<float> weight;
};

Inputs inputs_of(const Conv2dDims& d) {
    return {narrowed(formula_values(d.x_count(), 1)), narrowed(formula_values(d.y_count(), 3)),
            formula_values(d.weight_count(), 2)};
}

struct Passes {
    std::vector<uint16_t> y, dx;
    std::vector<float> dweight;
    bool operator==(const Passes&) const = default;
};

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

Passes run(const Conv2dDims& d, const Inputs& in) {
    constexpr uint16_t nan = 0x7fc0;
    Result<uint16_t> y(d.y_count(), nan), dx(d.x_count(), nan);
    Result<float> dweight(d.weight_count(), NAN);
    cpu::conv2d_forward_bf16(d, in.x.data(), in.weight.data(), y.data());
    cpu::conv2d_backward_data_bf16(d, in.dy.data(), in.weight.data(), dx.data());
    cpu::conv2d_backward_weight_bf16(d, in.x.data(), in.dy.data(), dweight.data());
    return {y.values(), dx.values(), dweight.values()};
}

/// The largest of |got - expected| - rounding * |expected|, over the RMS of what is expected.
double excess_over_rms(const std::vector<float>& got, const Values& expected, double rounding) {
    double squares = 0, excess = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        squares += expected[i] * expected[i];
        const double e = std::abs(got[i] - expected[i]) - rounding * std::abs(expected[i]);
        if (!(e <= excess)) excess = e;  // NaN, too
    }
    const double rms = std::sqrt(squares / static_cast<double>(got.size()));
    return rms > 0 ? excess / rms : excess;
}

// Products of bf16 are exact in f32, so the sums err as those of the f32 convolutions do (Winograd's, at most 2e-5 of
// the RMS); then a result is rounded, by at most half a unit in the last of eight bits. A sum on the brink of a tie may
// go either way, which the f32 error covers.
constexpr double kSum = 2e-5;

TEST(CpuConv2dBf16, MatchesTheDefinition) {
    for (const Conv2dDims& d : conv2d_shapes()) {
        SCOPED_TRACE(name_of(d));
        const Inputs in = inputs_of(d);
        const Values x = exactly(in.x), weight = exactly(narrowed(in.weight)), dy = exactly(in.dy);
        const Values y = testing::reference::conv2d_forward(d, x, weight),
                     dx = testing::reference::conv2d_backward_data(d, dy, weight),
                     dweight = testing::reference::conv2d_backward_weight(d, x, dy);
        on_each_target([&] {
            const Passes got = run(d, in);
            EXPECT_LT(excess_over_rms(widened(got.y), y, kEpsilon), kSum);
            EXPECT_LT(excess_over_rms(widened(got.dx), dx, kEpsilon), kSum);
            EXPECT_LT(excess_over_rms(got.dweight, dweight, 0), kSum);
        });
    }
}

TEST(CpuConv2dBf16, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : conv2d_shapes()) {
        SCOPED_TRACE(name_of(d));
        const Inputs in = inputs_of(d);
        set_threads(1);
        const Passes one = run(d, in);
        for (const int threads : {2, 4}) {
            set_threads(threads);
            EXPECT_TRUE(run(d, in) == one) << threads << " threads";
        }
        set_threads(0);
    }
}

}  // namespace
}  // namespace moco
