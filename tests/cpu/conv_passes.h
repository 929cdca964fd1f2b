// The three passes of a convolution: inputs, results between guards, and what they are by the definition.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "core/dims.h"
#include "core/parallel.h"
#include "tests/cpu/on_each_target.h"
#include "tests/reference/conv2d.h"
#include "tests/support/values.h"

namespace moco::testing {

struct ConvInputs {
    std::vector<float> x, weight, dy;
};

inline ConvInputs inputs_of(const Conv2dDims& d) {
    return {formula_values(d.x_count(), 1), formula_values(d.weight_count(), 2), formula_values(d.y_count(), 3)};
}

/// What kernels compute.
struct ConvPasses {
    std::vector<float> y, dx, dweight;
    bool operator==(const ConvPasses&) const = default;
};

/// The same by the definition, in double.
struct ConvExpected {
    reference::Values y, dx, dweight;
};

inline ConvExpected expected_of(const Conv2dDims& d, const ConvInputs& in) {
    const reference::Values x(in.x.begin(), in.x.end()), weight(in.weight.begin(), in.weight.end()),
        dy(in.dy.begin(), in.dy.end());
    return {reference::conv2d_forward(d, x, weight), reference::conv2d_backward_data(d, dy, weight),
            reference::conv2d_backward_weight(d, x, dy)};
}

/// Memory for a result between guards: every element must be written (NaN stays visible), none beyond them.
class GuardedResult {
  public:
    explicit GuardedResult(int64_t count) : memory_(static_cast<size_t>(count) + 2 * kGuard, NAN) {}
    float* data() { return memory_.data() + kGuard; }
    std::vector<float> values() const {
        for (size_t i = 0; i < kGuard; ++i)
            EXPECT_TRUE(std::isnan(memory_[i]) && std::isnan(memory_[memory_.size() - 1 - i])) << "wrote outside";
        return {memory_.begin() + kGuard, memory_.end() - kGuard};
    }

  private:
    static constexpr size_t kGuard = 32;
    std::vector<float> memory_;
};

/// The RMS of the errors over that of the expected values.
inline double rms_error_over_rms(const std::vector<float>& got, const reference::Values& expected) {
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        error += (got[i] - expected[i]) * (got[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    return std::sqrt(error / size);
}

/// run(d, inputs) gives the same bits on 1, 2 and 4 threads, in each instruction set.
template <class Run>
void expect_same_bits_for_any_threads(const Conv2dDims& d, const Run& run) {
    const ConvInputs in = inputs_of(d);
    on_each_target([&] {
        set_threads(1);
        const ConvPasses one = run(d, in);
        for (const int threads : {2, 4}) {
            set_threads(threads);
            EXPECT_TRUE(run(d, in) == one) << threads << " threads";
        }
        set_threads(0);
    });
}

/// run(d, inputs) may be called by two threads at a time. They are of one shape, so that a thread of the pool that
/// works for both by turns must not take one's weights for the other's.
template <class Run>
void expect_calls_at_a_time(const Conv2dDims& d, const Run& run) {
    ConvInputs in[2] = {inputs_of(d), inputs_of(d)};
    for (float& weight : in[1].weight) weight *= 3;
    const ConvPasses expected[2] = {run(d, in[0]), run(d, in[1])};
    const int before = threads();
    set_threads(3);
    std::thread callers[2];
    for (int i = 0; i < 2; ++i)
        callers[i] = std::thread([&, i] {
            for (int round = 0; round < 10; ++round) EXPECT_EQ(run(d, in[i]), expected[i]);
        });
    for (std::thread& caller : callers) caller.join();
    set_threads(before);
}

}  // namespace moco::testing
