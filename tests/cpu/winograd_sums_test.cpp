// The sums that Winograd's convolution takes of its own results for batch normalisation.
#include <gtest/gtest.h>

#include <cmath>

#include "cpu/winograd.h"
#include "tests/cpu/conv_passes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::ConvInputs;
using testing::cpu_backend;
using testing::error_over_rms;
using testing::GuardedResult;
using testing::inputs_of;
using testing::on_each_target;

Conv2dDims dims(int64_t N, int64_t H, int64_t W, int64_t IC, int64_t OC, int64_t stride = 1) {
    return {N, H, W, IC, OC, 3, 3, stride, 1};
}

struct WithSums {
    std::vector<float> y;
    std::vector<double> sums;  // S x 2 x OC
    bool operator==(const WithSums&) const = default;
};

WithSums run(const Conv2dDims& d, int64_t S, const ConvInputs& in) {
    GuardedResult y(d.y_count());
    std::vector<double> sums(static_cast<size_t>(S * 2 * d.OC), NAN);
    cpu::winograd_forward_with_sums(d, in.x.data(), in.weight.data(), y.data(), {S, sums.data()});
    return {y.values(), sums};
}

/// Mean and variance of a channel in a split.
struct Moments {
    double mean, variance;
};

Moments moments_of_sums(const Conv2dDims& d, int64_t S, const std::vector<double>& sums, int64_t split, int64_t c) {
    const double count = static_cast<double>(d.y_count() / d.OC / S);
    const double mean = sums[static_cast<size_t>(split * 2 * d.OC + c)] / count;
    return {mean, sums[static_cast<size_t>((split * 2 + 1) * d.OC + c)] / count - mean * mean};
}

/// The same by two passes over the results.
Moments moments_of_results(const Conv2dDims& d, int64_t S, const std::vector<float>& y, int64_t split, int64_t c) {
    const int64_t image = d.OH() * d.OW();
    const double count = static_cast<double>(d.N / S * image);
    Moments moments{};
    const auto each = [&](const auto& f) {
        for (int64_t n = split; n < d.N; n += S)
            for (int64_t i = 0; i < image; ++i)
                f(static_cast<double>(y[static_cast<size_t>((n * image + i) * d.OC + c)]));
    };
    each([&](double value) { moments.mean += value / count; });
    each([&](double value) { moments.variance += (value - moments.mean) * (value - moments.mean) / count; });
    return moments;
}

void expect_moments(const Conv2dDims& d, int64_t S, const ConvInputs& in, double tolerance) {
    ASSERT_TRUE(cpu::winograd_sums_results(d));
    on_each_target([&] {
        const WithSums got = run(d, S, in);
        for (int64_t split = 0; split < S; ++split)
            for (int64_t c = 0; c < d.OC; ++c) {
                const Moments sums = moments_of_sums(d, S, got.sums, split, c);
                const Moments results = moments_of_results(d, S, got.y, split, c);
                const double spread = std::sqrt(results.variance);
                ASSERT_NEAR(sums.mean, results.mean, tolerance * spread) << "split " << split << ", channel " << c;
                ASSERT_NEAR(sums.variance / results.variance, 1, tolerance) << "split " << split << ", channel " << c;
            }
    });
}

TEST(CpuWinogradSums, AreThoseOfTheResults) {
    struct Case {
        Conv2dDims d;
        int64_t S;
    };
    for (const Case& c :
         {// Tiles within the image and at its ends.
          Case{dims(12, 8, 8, 16, 16), 4}, Case{dims(12, 5, 5, 16, 16), 3}, Case{dims(9, 7, 6, 8, 48), 1},
          Case{dims(4, 14, 13, 5, 80), 2}, Case{dims(60, 15, 16, 8, 16), 4},
          // One image cut into several runs, several groups of images, blocks of several images.
          Case{dims(1, 70, 33, 4, 32), 1}, Case{dims(2, 34, 50, 4, 32), 2}, Case{dims(64, 8, 8, 4, 32), 8},
          // The same with stride 2.
          Case{dims(12, 16, 15, 16, 16, 2), 4}, Case{dims(9, 13, 12, 8, 48, 2), 3}, Case{dims(1, 90, 61, 4, 32, 2), 1},
          Case{dims(64, 16, 16, 4, 32, 2), 8}}) {
        SCOPED_TRACE(::testing::Message() << c.d.N << " x " << c.d.H << " x " << c.d.W << ", stride " << c.d.stride);
        expect_moments(c.d, c.S, inputs_of(c.d), 1e-5);
    }
}

TEST(CpuWinogradSums, KeepTheSpreadBesideAFarMean) {
    // The middle tap alone passes the mean of the input channels on, about 1000 +- 1/2. Squares in f32 would lose the
    // spread altogether.
    for (const int64_t stride : {1, 2}) {
        const Conv2dDims d = dims(6, 18, 17, 4, 16, stride);
        ConvInputs in = inputs_of(d);
        for (float& x : in.x) x += 1000;
        for (size_t i = 0; i < in.weight.size(); ++i) in.weight[i] = i / 4 % 9 == 4 ? 0.25f : 0.0f;
        expect_moments(d, 2, in, 1e-4);
    }
}

TEST(CpuWinogradSums, LeaveTheResultsAsTheyAre) {
    for (const Conv2dDims& d : {dims(12, 9, 8, 16, 48), dims(12, 17, 16, 16, 48, 2)}) {
        const ConvInputs in = inputs_of(d);
        on_each_target([&] {
            GuardedResult y(d.y_count());
            cpu::winograd_forward(d, in.x.data(), in.weight.data(), y.data());
            EXPECT_EQ(run(d, 3, in).y, y.values());
        });
    }
}

TEST(CpuWinogradSums, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : {dims(8, 14, 14, 16, 32), dims(1, 70, 33, 4, 32), dims(40, 9, 9, 48, 64, 2)}) {
        const ConvInputs in = inputs_of(d);
        on_each_target([&] {
            set_threads(1);
            const WithSums one = run(d, 1, in);
            for (const int threads : {2, 4}) {
                set_threads(threads);
                EXPECT_TRUE(run(d, 1, in) == one) << threads << " threads";
            }
            set_threads(0);
        });
    }
}

TEST(CpuWinogradSums, WhereTheyCount) {
    EXPECT_TRUE(cpu::winograd_sums_results(dims(128, 32, 32, 64, 64)));
    EXPECT_TRUE(cpu::winograd_sums_results(dims(128, 16, 16, 128, 256, 2)));
    EXPECT_FALSE(cpu::winograd_sums_results(dims(128, 32, 32, 64, 60))) << "channels that fill no vectors";
    EXPECT_FALSE(cpu::winograd_sums_results(dims(1024, 4, 4, 64, 64))) << "one tile an image";
    EXPECT_FALSE(cpu::winograd_sums_results(dims(16, 7, 7, 512, 512))) << "cut by panels";
}

/// What one forward call writes.
struct ConvBn {
    std::vector<float> z, y, mean, inv_std, running_mean, running_var;

    ConvBn(const Conv2dDims& d, int64_t S)
        : z(static_cast<size_t>(d.y_count())),
          y(z.size()),
          mean(static_cast<size_t>(S * d.OC)),
          inv_std(mean.size()),
          running_mean(static_cast<size_t>(d.OC), 0.5f),
          running_var(running_mean.size(), 2.0f) {}
};

TEST(CpuConvBn, OfManyResultsIsTheSameAsItsParts) {
    constexpr int64_t S = 4;
    const Conv2dDims d = dims(64, 16, 16, 4, 64);  // 2^20 results: enough to be summed by the convolution
    const BatchNormDims b{d.N, d.H * d.W, d.OC, S, Activation::relu};
    const ConvInputs in = inputs_of(d);
    const std::vector<float> gamma = testing::formula_values(d.OC, 4), beta = testing::formula_values(d.OC, 5);
    cpu_backend().set_conv_algorithm(ConvAlgorithm::winograd);
    on_each_target([&] {
        ConvBn parts(d, S), together(d, S);
        cpu_backend().conv2d_forward(d, in.x.data(), in.weight.data(), parts.z.data());
        cpu_backend().batch_norm_forward(b, {}, parts.z.data(), gamma.data(), beta.data(), in.dy.data(),
                                         parts.running_mean.data(), parts.running_var.data(), parts.mean.data(),
                                         parts.inv_std.data(), parts.y.data(), nullptr);
        cpu_backend().conv_bn_forward(d, b, {}, in.x.data(), in.weight.data(), gamma.data(), beta.data(), in.dy.data(),
                                      together.running_mean.data(), together.running_var.data(), together.z.data(),
                                      together.mean.data(), together.inv_std.data(), together.y.data(), nullptr);
        EXPECT_EQ(together.z, parts.z);
        for (size_t i = 0; i < parts.mean.size(); ++i)
            ASSERT_LT(std::abs(together.mean[i] - parts.mean[i]) * parts.inv_std[i], 1e-6) << i;
        EXPECT_LT(error_over_rms(together.inv_std, parts.inv_std), 1e-6);
        EXPECT_LT(error_over_rms(together.running_mean, parts.running_mean), 1e-6);  // 0.45 and more
        EXPECT_LT(error_over_rms(together.running_var, parts.running_var), 1e-6);
        EXPECT_LT(error_over_rms(together.y, parts.y), 3e-6);
        EXPECT_NE(together.y, parts.y) << "summed by a pass of its own";
    });
    cpu_backend().set_conv_algorithm(ConvAlgorithm::auto_select);
}

}  // namespace
}  // namespace moco
