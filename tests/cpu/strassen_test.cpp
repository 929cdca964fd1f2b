// Strassen's products against the definition in double, on every instruction set, over the relations that pixels and
// channels can have to units, blocks and pairs of panels.
#include "cpu/strassen.h"

#include <gtest/gtest.h>

#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/conv_passes.h"
#include "tests/cpu/on_each_target.h"

namespace moco {
namespace {

using testing::ConvExpected;
using testing::ConvInputs;
using testing::ConvPasses;
using testing::error_over_rms;
using testing::expected_of;
using testing::GuardedResult;
using testing::inputs_of;
using testing::name_of;
using testing::on_each_target;
using testing::rms_error_over_rms;

Conv2dDims dims(int64_t N, int64_t H, int64_t W, int64_t IC, int64_t OC, int64_t stride = 1) {
    return {N, H, W, IC, OC, 1, 1, stride, 0};
}

/// The two passes that there are.
ConvPasses run(const Conv2dDims& d, const ConvInputs& in) {
    GuardedResult y(d.y_count()), dx(d.x_count());
    cpu::strassen_forward(d, in.x.data(), in.weight.data(), y.data());
    cpu::strassen_backward_data(d, in.dy.data(), in.weight.data(), dx.data());
    return {y.values(), dx.values(), {}};
}

// The operands' sums are larger than what they are made of, and a result adds up four products of them: its error is
// twice that of direct summation. The largest measured here is 7.5e-6, at 1024 channels.
constexpr double kTolerance = 1e-5;

void expect_close(const Conv2dDims& d) {
    const ConvInputs in = inputs_of(d);
    const ConvExpected expected = expected_of(d, in);
    on_each_target([&] {
        const ConvPasses got = run(d, in);
        EXPECT_LT(error_over_rms(got.y, expected.y), kTolerance) << "forward, " << name_of(d);
        EXPECT_LT(error_over_rms(got.dx, expected.dx), kTolerance) << "backward data, " << name_of(d);
    });
}

TEST(CpuStrassen, MatchesTheDefinitionForAnyNumberOfPixels) {
    // Units of 2 x 14, 2 x 12 or 2 x 24 rows: fewer than one, an odd one, several pieces.
    for (int64_t W = 1; W <= 60; ++W) expect_close(dims(1, 1, W, 64, 64));
    for (const int64_t W : {1, 25, 29, 113, 225}) expect_close(dims(1, 1, W, 128, 192));
    expect_close(dims(7, 9, 5, 64, 128));
}

TEST(CpuStrassen, MatchesTheDefinitionForAnyChannels) {
    for (const int64_t IC : {64, 128, 192, 320})
        for (const int64_t OC : {64, 128, 256}) expect_close(dims(2, 5, 6, IC, OC));
    // Several blocks of depth, one of them shorter; more pairs of panels than stay in L2; rows 4 KiB apart.
    expect_close(dims(1, 5, 6, 576, 64));
    expect_close(dims(1, 3, 11, 1024, 1088));
}

TEST(CpuStrassen, MatchesTheDefinitionWithStride) {
    for (int64_t H = 1; H <= 6; ++H)
        for (int64_t W = 1; W <= 9; ++W) expect_close(dims(1 + (H * W) % 3, H, W, 64, 64, 2));
    expect_close(dims(3, 21, 23, 64, 128, 2));
    expect_close(dims(2, 16, 16, 128, 64, 3));
}

TEST(CpuStrassen, ErrorsAreSmall) {
    // Bounds on the RMS and the maximum error over the RMS of the result. Measured: 3.0e-7 and 2.8e-6 at 64 channels,
    // 7.7e-7 and 8.9e-6 at 512. Direct summation's are 1.5e-7 and 1.2e-6, 4.1e-7 and 4.5e-6.
    struct Case {
        Conv2dDims d;
        double rms, maximum;
    };
    for (const Case& c : {Case{dims(2, 16, 16, 64, 64), 4e-7, 4e-6}, Case{dims(2, 16, 16, 512, 512), 1e-6, 1.2e-5}}) {
        const ConvInputs in = inputs_of(c.d);
        const ConvExpected expected = expected_of(c.d, in);
        on_each_target([&] {
            const ConvPasses got = run(c.d, in);
            EXPECT_LT(rms_error_over_rms(got.y, expected.y), c.rms) << name_of(c.d);
            EXPECT_LT(rms_error_over_rms(got.dx, expected.dx), c.rms) << name_of(c.d);
            EXPECT_LT(error_over_rms(got.y, expected.y), c.maximum) << name_of(c.d);
            EXPECT_LT(error_over_rms(got.dx, expected.dx), c.maximum) << name_of(c.d);
        });
    }
}

TEST(CpuStrassen, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : {dims(5, 14, 14, 64, 128), dims(3, 9, 7, 576, 64), dims(9, 15, 14, 128, 320, 2)}) {
        SCOPED_TRACE(name_of(d));
        testing::expect_same_bits_for_any_threads(d, run);
    }
}

TEST(CpuStrassen, AnyNumberOfCallsAtATime) {
    testing::expect_calls_at_a_time(dims(4, 14, 14, 64, 64), run);
}

TEST(CpuStrassen, AppliesToPointsOfWholePanels) {
    using cpu::ConvPass;
    EXPECT_TRUE(cpu::strassen_applies(dims(1, 1, 1, 64, 64)));
    EXPECT_TRUE(cpu::strassen_applies(dims(1, 1, 1, 64, 64, 2)));
    EXPECT_FALSE(cpu::strassen_applies(dims(1, 1, 1, 64, 96)));
    EXPECT_FALSE(cpu::strassen_applies(dims(1, 1, 1, 17, 64)));
    EXPECT_FALSE(cpu::strassen_applies({1, 4, 4, 64, 64, 3, 3, 1, 1}));
    EXPECT_FALSE(cpu::strassen_applies({1, 4, 4, 64, 64, 1, 1, 1, 1}));
    const Conv2dDims wide = dims(16, 28, 28, 512, 128), few = dims(1, 7, 7, 512, 2048),
                     small = dims(128, 4, 4, 64, 128, 2), narrow = dims(16, 56, 56, 64, 64);
    for (const auto pass : {ConvPass::forward, ConvPass::backward_data}) {
        EXPECT_TRUE(cpu::strassen_wanted(ConvAlgorithm::auto_select, wide, pass));
        EXPECT_FALSE(cpu::strassen_wanted(ConvAlgorithm::direct, wide, pass));
        EXPECT_FALSE(cpu::strassen_wanted(ConvAlgorithm::auto_select, few, pass)) << "packing would show";
        EXPECT_FALSE(cpu::strassen_wanted(ConvAlgorithm::auto_select, small, pass)) << "so would waiting";
        EXPECT_FALSE(cpu::strassen_wanted(ConvAlgorithm::auto_select, narrow, pass)) << "so would adding up";
        EXPECT_TRUE(cpu::strassen_wanted(ConvAlgorithm::winograd, few, pass));
    }
    EXPECT_FALSE(cpu::strassen_wanted(ConvAlgorithm::winograd, wide, ConvPass::backward_weight));
}

}  // namespace
}  // namespace moco
