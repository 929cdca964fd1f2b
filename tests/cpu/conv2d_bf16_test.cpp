// The CPU's bf16 convolutions against the definition in double, over the relations that sizes can have to the tiles.
#include "cpu/conv2d_bf16.h"

#include <gtest/gtest.h>

#include "core/parallel.h"
#include "cpu/winograd_bf16.h"
#include "tests/cpu/bf16_values.h"
#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/reference/conv2d.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::conv2d_shapes;
using testing::exactly;
using testing::excess_over_rms;
using testing::formula_values;
using testing::name_of;
using testing::narrowed;
using testing::on_each_target;
using testing::Result;
using testing::widened;
using testing::reference::Values;

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

Passes run(const Conv2dDims& d, const Inputs& in) {
    constexpr uint16_t nan = 0x7fc0;
    Result<uint16_t> y(d.y_count(), nan), dx(d.x_count(), nan);
    Result<float> dweight(d.weight_count(), NAN);
    cpu::conv2d_forward_bf16(d, in.x.data(), in.weight.data(), y.data());
    cpu::conv2d_backward_data_bf16(d, in.dy.data(), in.weight.data(), dx.data());
    cpu::conv2d_backward_weight_bf16(d, in.x.data(), in.dy.data(), dweight.data());
    return {y.values(), dx.values(), dweight.values()};
}

// Products of bf16 are exact in f32, so the sums err as those of the f32 convolutions do (Winograd's, at most 2e-5 of
// the RMS); then a result is rounded, by at most half a unit in the last of eight bits. A sum on the brink of a tie may
// go either way, which the f32 error covers.
constexpr double kSum = 2e-5;
// Where Winograd's transformed values are rounded, see winograd_bf16_test.cpp.
constexpr double kWinograd = 0.1;

double tolerance(const Conv2dDims& d, cpu::ConvPass pass) {
    return cpu::choose_bf16_algorithm(d, pass) == cpu::Bf16Algorithm::winograd_bf16 ? kWinograd : kSum;
}

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
            EXPECT_LT(excess_over_rms(widened(got.y), y, testing::kBf16Epsilon), tolerance(d, cpu::ConvPass::forward));
            EXPECT_LT(excess_over_rms(widened(got.dx), dx, testing::kBf16Epsilon),
                      tolerance(d, cpu::ConvPass::backward_data));
            EXPECT_LT(excess_over_rms(got.dweight, dweight, 0), tolerance(d, cpu::ConvPass::backward_weight));
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
