// The CPU's convolutions against the definition in double, over the relations that sizes can have to the tiles.
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/reference/conv2d.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::conv2d_shapes;
using testing::cpu;
using testing::error_over_rms;
using testing::formula_values;
using testing::name_of;
using testing::on_each_target;
using testing::reference::Values;

struct Passes {
    std::vector<float> y, dx, dweight;
    bool operator==(const Passes&) const = default;
};

struct Inputs {
    std::vector<float> x, weight, dy;
};

Inputs inputs_of(const Conv2dDims& d) {
    return {formula_values(d.x_count(), 1), formula_values(d.weight_count(), 2), formula_values(d.y_count(), 3)};
}

Passes run(const Conv2dDims& d, const Inputs& in, ConvAlgorithm algorithm = ConvAlgorithm::direct) {
    Backend& backend = cpu();
    const auto tensor = [&](const std::vector<float>& v) {
        return Tensor::from_host(v, Shape{static_cast<int64_t>(v.size())}, backend);
    };
    const Tensor x = tensor(in.x), weight = tensor(in.weight), dy = tensor(in.dy);
    // Every element must be written: NaN stays visible.
    Tensor y = Tensor::full(dy.shape(), NAN, backend), dx = Tensor::full(x.shape(), NAN, backend),
           dweight = Tensor::full(weight.shape(), NAN, backend);
    backend.set_conv_algorithm(algorithm);
    backend.conv2d_forward(d, x.data(), weight.data(), y.mutable_data());
    backend.conv2d_backward_data(d, dy.data(), weight.data(), dx.mutable_data());
    backend.conv2d_backward_weight(d, x.data(), dy.data(), dweight.mutable_data());
    backend.set_conv_algorithm(ConvAlgorithm::auto_select);
    return {y.to_vector(), dx.to_vector(), dweight.to_vector()};
}

// A sum of n products of f32 in order is off by at most about sqrt(n) * 2^-24 of the terms' size, and the result's RMS
// is sqrt(n) of it: 6e-8 times a small factor for the largest of many errors. The longest sums here (2700 products)
// come to 4e-6.
constexpr double kTolerance = 1e-5;

TEST(CpuConv2d, DirectMatchesTheDefinition) {
    for (const Conv2dDims& d : conv2d_shapes()) {
        SCOPED_TRACE(name_of(d));
        const Inputs in = inputs_of(d);
        const Values x(in.x.begin(), in.x.end()), weight(in.weight.begin(), in.weight.end()),
            dy(in.dy.begin(), in.dy.end());
        const Values y = testing::reference::conv2d_forward(d, x, weight),
                     dx = testing::reference::conv2d_backward_data(d, dy, weight),
                     dweight = testing::reference::conv2d_backward_weight(d, x, dy);
        on_each_target([&] {
            const Passes got = run(d, in);
            EXPECT_LT(error_over_rms(got.y, y), kTolerance);
            EXPECT_LT(error_over_rms(got.dx, dx), kTolerance);
            EXPECT_LT(error_over_rms(got.dweight, dweight), kTolerance);
        });
    }
}

TEST(CpuConv2d, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : conv2d_shapes()) {
        SCOPED_TRACE(name_of(d));
        const Inputs in = inputs_of(d);
        on_each_target([&] {
            set_threads(1);
            const Passes one = run(d, in);
            for (const int threads : {2, 4}) {
                set_threads(threads);
                EXPECT_TRUE(run(d, in) == one) << threads << " threads";
            }
            set_threads(0);
        });
    }
}

}  // namespace
}  // namespace moco
