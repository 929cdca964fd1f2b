// Elementwise kernels and the updates of an arena on the CPU, around vector lengths and the pieces of parallel_for.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cpu/on_each_target.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

using Doubles = std::vector<double>;

const std::vector<int64_t> kCounts = {1, 3, 15, 16, 17, 33, 100003};

/// Runs body(count, a, b) for each count on each instruction set; a and b hold `count` values.
template <class Body>
void for_counts(const Body& body) {
    on_each_target([&] {
        for (const int64_t count : kCounts) {
            SCOPED_TRACE(count);
            body(count, formula_values(count, 1), formula_values(count, 2));
        }
    });
}

/// What f(i) gives for each i.
template <class F>
Doubles each(int64_t count, const F& f) {
    Doubles values;
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) values.push_back(f(i));
    return values;
}

TEST(CpuElementwise, Relu) {
    for_counts([](int64_t count, const auto& x, const auto& dy) {
        std::vector<float> y(x.size()), dx(x.size());
        cpu().relu_forward(DType::f32, x.data(), y.data(), count);
        cpu().relu_backward(DType::f32, y.data(), dy.data(), dx.data(), count);
        EXPECT_EQ(error_over_rms(y, each(count, [&](size_t i) { return std::max(x[i], 0.0f); })), 0);
        EXPECT_EQ(error_over_rms(dx, each(count, [&](size_t i) { return x[i] > 0 ? dy[i] : 0; })), 0);
    });
}

TEST(CpuElementwise, ReluKeepsANan) {
    on_each_target([] {
        const std::vector<float> x = {-1, NAN, 1};
        std::vector<float> y(3);
        cpu().relu_forward(DType::f32, x.data(), y.data(), 3);
        EXPECT_EQ(y[0], 0);
        EXPECT_TRUE(std::isnan(y[1]));
        EXPECT_EQ(y[2], 1);
    });
}

TEST(CpuElementwise, AddAccumulateScale) {
    for_counts([](int64_t count, const auto& a, const auto& b) {
        std::vector<float> y(a.size()), sum = b, scaled = a;
        cpu().add_forward(DType::f32, a.data(), b.data(), y.data(), count);
        cpu().accumulate(DType::f32, a.data(), sum.data(), count);
        cpu().scale(scaled.data(), 0.3f, scaled.data(), count);
        EXPECT_EQ(error_over_rms(y, each(count, [&](size_t i) { return a[i] + b[i]; })), 0);
        EXPECT_EQ(error_over_rms(sum, each(count, [&](size_t i) { return a[i] + b[i]; })), 0);
        EXPECT_EQ(error_over_rms(scaled, each(count, [&](size_t i) { return 0.3f * a[i]; })), 0);
    });
}

TEST(CpuElementwise, SgdWithMomentumAndWeightDecay) {
    const SgdOptions options{0.9f, 5e-4f};
    const float lr = 0.06f;
    for_counts([&](int64_t count, const auto& w0, const auto& dw) {
        std::vector<float> w = w0, v = formula_values(count, 3);
        const Doubles new_v =
            each(count, [&](size_t i) { return 0.9 * v[i] + (dw[i] + static_cast<double>(5e-4f) * w0[i]); });
        const Doubles new_w = each(count, [&](size_t i) { return w0[i] - 0.06 * new_v[i]; });
        cpu().sgd_update(options, &lr, w.data(), dw.data(), v.data(), count);
        EXPECT_LT(error_over_rms(v, new_v), 3e-7);
        EXPECT_LT(error_over_rms(w, new_w), 3e-7);
    });
}

TEST(CpuElementwise, MomentumUpdate) {
    const float m = 0.99f;
    for_counts([&](int64_t count, const auto& w_q, const auto& before) {
        std::vector<float> w_k = before;
        cpu().momentum_update(&m, w_k.data(), w_q.data(), count);
        EXPECT_LT(error_over_rms(w_k, each(count, [&](size_t i) { return 0.99 * before[i] + 0.01 * w_q[i]; })), 3e-7);
    });
}

}  // namespace
}  // namespace moco::testing
