// The CPU's convolutions against the definition in double, over the relations that sizes can have to the tiles.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/conv_passes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::conv2d_shapes;
using testing::ConvExpected;
using testing::ConvInputs;
using testing::ConvPasses;
using testing::cpu;
using testing::error_over_rms;
using testing::expected_of;
using testing::inputs_of;
using testing::name_of;
using testing::on_each_target;

ConvPasses run(const Conv2dDims& d, const ConvInputs& in) {
    Backend& backend = cpu();
    const auto tensor = [&](const std::vector<float>& v) {
        return Tensor::from_host(v, Shape{static_cast<int64_t>(v.size())}, backend);
    };
    const Tensor x = tensor(in.x), weight = tensor(in.weight), dy = tensor(in.dy);
    // Every element must be written: NaN stays visible.
    Tensor y = Tensor::full(dy.shape(), NAN, backend), dx = Tensor::full(x.shape(), NAN, backend),
           dweight = Tensor::full(weight.shape(), NAN, backend);
    backend.set_conv_algorithm(ConvAlgorithm::direct);
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
        const ConvInputs in = inputs_of(d);
        const ConvExpected expected = expected_of(d, in);
        on_each_target([&] {
            const ConvPasses got = run(d, in);
            EXPECT_LT(error_over_rms(got.y, expected.y), kTolerance);
            EXPECT_LT(error_over_rms(got.dx, expected.dx), kTolerance);
            EXPECT_LT(error_over_rms(got.dweight, expected.dweight), kTolerance);
        });
    }
}

TEST(CpuConv2d, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : conv2d_shapes()) {
        SCOPED_TRACE(name_of(d));
        testing::expect_same_bits_for_any_threads(d, run);
    }
}

}  // namespace
}  // namespace moco
