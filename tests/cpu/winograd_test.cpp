// Winograd's convolutions against the definition in double, on every instruction set, over the relations that images
// and channels can have to tiles and vectors.
#include "cpu/winograd.h"

#include <gtest/gtest.h>

#include "cpu/winograd_tiles.h"
#include "tests/cpu/conv2d_shapes.h"
#include "tests/cpu/conv_passes.h"
#include "tests/cpu/on_each_target.h"
#include "tests/support/values.h"

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
    return {N, H, W, IC, OC, 3, 3, stride, 1};
}

ConvPasses run(const Conv2dDims& d, const ConvInputs& in) {
    GuardedResult y(d.y_count()), dx(d.x_count()), dweight(d.weight_count());
    cpu::winograd_forward(d, in.x.data(), in.weight.data(), y.data());
    cpu::winograd_backward_data(d, in.dy.data(), in.weight.data(), dx.data());
    cpu::winograd_backward_weight(d, in.x.data(), in.dy.data(), dweight.data());
    return {y.values(), dx.values(), dweight.values()};
}

// The transforms' coefficients (up to 2.5 in, 2.8 out) make intermediate values some ten times the result's size, and a
// rounding of each of them 2^-24 of that; the largest error of thousands is five times the RMS. The largest measured
// here is 1.3e-5, at 300 channels.
constexpr double kTolerance = 2e-5;

void expect_close(const Conv2dDims& d, double tolerance = kTolerance) {
    const ConvInputs in = inputs_of(d);
    const ConvExpected expected = expected_of(d, in);
    on_each_target([&] {
        const ConvPasses got = run(d, in);
        EXPECT_LT(error_over_rms(got.y, expected.y), tolerance) << "forward, " << name_of(d);
        EXPECT_LT(error_over_rms(got.dx, expected.dx), tolerance) << "backward data, " << name_of(d);
        EXPECT_LT(error_over_rms(got.dweight, expected.dweight), tolerance) << "backward weight, " << name_of(d);
    });
}

TEST(CpuWinograd, MatchesTheDefinitionForAnyImageSize) {
    for (int64_t H = 1; H <= 9; ++H)
        for (int64_t W = 1; W <= 9; ++W) {
            expect_close(dims(1 + (H * W) % 3, H, W, 16, 16));
            expect_close(dims(1 + (H * W) % 2, H, W, 60, 40));  // too many weights to sum all points at once
        }
    expect_close(dims(2, 7, 5, 32, 16));
    expect_close(dims(5, 14, 14, 16, 32));
}

TEST(CpuWinograd, MatchesTheDefinitionForAnyChannels) {
    for (const int64_t IC : {1, 3, 16, 17, 31, 32, 48, 64})
        for (const int64_t OC : {1, 15, 16, 17, 33, 48, 64}) expect_close(dims(2, 5, 6, IC, OC));
    expect_close(dims(1, 4, 4, 300, 72));
}

TEST(CpuWinograd, MatchesTheDefinitionForAnyBatch) {
    // Tiles fewer than, as many as and more than a block of work has.
    for (const int64_t N : {1, 2, 5, 27, 28, 29, 64, 65}) expect_close(dims(N, 4, 4, 20, 24));
    expect_close(dims(33, 9, 8, 16, 16));
    expect_close(dims(33, 9, 8, 56, 64));
    // Several groups of images, and several pieces of each.
    expect_close(dims(40, 7, 7, 16, 20));
    expect_close(dims(5, 26, 25, 20, 24));
    // Lower blocks, for many channels; several chunks of each part of the weights' gradient.
    expect_close(dims(37, 7, 7, 140, 20));
    expect_close(dims(2, 130, 131, 8, 56));
    expect_close(dims(260, 5, 5, 48, 50));
    // So many weights that the threads transform them together.
    expect_close(dims(17, 9, 9, 96, 100));
    expect_close(dims(30, 9, 9, 96, 100, 2));
    // So many that their gradient is not summed part by part, but chunk by chunk.
    expect_close(dims(33, 8, 7, 168, 160));
    expect_close(dims(33, 15, 14, 160, 168, 2), 2 * kTolerance);  // sums over up to 640 products of phases
}

TEST(CpuWinograd, MatchesTheDefinitionWithStrideTwo) {
    for (int64_t H = 1; H <= 17; ++H)
        for (int64_t W = 1; W <= 17; ++W) expect_close(dims(1 + (H * W) % 2, H, W, 4, 16, 2));
    for (const int64_t IC : {1, 3, 17, 31, 32, 64})
        for (const int64_t OC : {1, 15, 17, 33, 48, 64}) expect_close(dims(2, 9, 12, IC, OC, 2));
    // Tiles fewer than, as many as and more than a block of work; with fewer tiles than channels, panel by panel.
    for (const int64_t N : {1, 27, 28, 29, 64}) expect_close(dims(N, 8, 8, 20, 24, 2));
    expect_close(dims(70, 7, 7, 72, 80, 2));
    expect_close(dims(1, 4, 4, 300, 72, 2));
    expect_close(dims(37, 14, 14, 140, 20, 2));
    // Several groups of images, and several pieces of each.
    expect_close(dims(77, 13, 14, 20, 24, 2));
    // Several chunks of the weights' gradient.
    expect_close(dims(2, 130, 131, 8, 56, 2));
}

TEST(CpuWinograd, MatchesTheDefinitionForTwoByTwoImages) {
    for (const int64_t IC : {1, 3, 16, 17, 31, 32, 33, 48, 64})
        for (const int64_t OC : {1, 15, 16, 17, 33, 48, 64}) expect_close(dims(3, 2, 2, IC, OC));
    // Images fewer than, as many as and more than a block, a part and a chunk of work have.
    for (const int64_t N : {1, 2, 12, 13, 14, 15, 64, 65, 128, 129, 257}) expect_close(dims(N, 2, 2, 20, 24));
    expect_close(dims(300, 2, 2, 17, 70));
    // Wide blocks of weights, whole and cut.
    expect_close(dims(2, 2, 2, 128, 128));
    expect_close(dims(5, 2, 2, 100, 300));
}

TEST(CpuWinograd, TwoByTwoImagesMeetEveryTapOnce) {
    // Small whole numbers are summed exactly: each pair of a pixel and a result shows which tap they meet in.
    const Conv2dDims d = dims(1, 2, 2, 1, 1);
    const std::vector<float> weight = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    on_each_target([&] {
        for (size_t pixel = 0; pixel < 4; ++pixel) {
            ConvInputs in{std::vector<float>(4), weight, std::vector<float>(4)};
            in.x[pixel] = in.dy[pixel] = 1;
            const ConvPasses got = run(d, in);
            for (size_t other = 0; other < 4; ++other) {
                // A result meets the pixel below it in the tap below the middle.
                const size_t tap = 4 + pixel / 2 * 3 + pixel % 2 - other / 2 * 3 - other % 2;
                EXPECT_EQ(got.y[other], weight[tap]) << pixel << ", " << other;
                EXPECT_EQ(got.dx[other], weight[8 - tap]) << pixel << ", " << other;
            }
            for (size_t tap = 0; tap < 9; ++tap) EXPECT_EQ(got.dweight[tap], tap == 4 ? 1 : 0) << pixel;
        }
    });
}

TEST(CpuWinograd, ErrorsAreThoseOfThePoints) {
    // Bounds on the RMS and the maximum error of each pass over the RMS of the result. Measured: 8.6e-7 and 7.2e-6 at
    // 64 channels, 2.4e-6 and 1.6e-5 at 512 (forward). The points 0, +-1, +-2, infinity would give twice the RMS.
    struct Case {
        Conv2dDims d;
        double rms, maximum;
    };
    // Images that end within a tile use fewer of the points, in part others for the same result.
    for (const Case& c :
         {Case{dims(2, 16, 16, 64, 64), 1e-6, 8e-6}, Case{dims(2, 14, 15, 64, 64), 1e-6, 8e-6},
          Case{dims(8, 14, 15, 32, 48), 1e-6, 8e-6}, Case{dims(4, 4, 4, 512, 128), 3e-6, 2e-5},
          Case{dims(4, 7, 5, 512, 64), 3e-6, 2e-5},
          // With stride 2 a product sums over up to four times as many channels.
          Case{dims(2, 32, 32, 64, 64, 2), 2e-6, 1.6e-5}, Case{dims(2, 28, 30, 64, 64, 2), 2e-6, 1.6e-5},
          Case{dims(4, 8, 8, 512, 128, 2), 4e-6, 2.5e-5}, Case{dims(4, 14, 9, 512, 64, 2), 4e-6, 2.5e-5},
          // For 2x2 images nothing is scaled. Measured: 3.0e-7 and 2.6e-6, 8.2e-7 and 5.0e-6.
          Case{dims(32, 2, 2, 64, 64), 4e-7, 4e-6}, Case{dims(32, 2, 2, 512, 128), 1.2e-6, 8e-6}}) {
        const ConvInputs in = inputs_of(c.d);
        const ConvExpected expected = expected_of(c.d, in);
        on_each_target([&] {
            const ConvPasses got = run(c.d, in);
            EXPECT_LT(rms_error_over_rms(got.y, expected.y), c.rms) << name_of(c.d);
            EXPECT_LT(rms_error_over_rms(got.dx, expected.dx), c.rms) << name_of(c.d);
            EXPECT_LT(rms_error_over_rms(got.dweight, expected.dweight), c.rms) << name_of(c.d);
            EXPECT_LT(error_over_rms(got.y, expected.y), c.maximum) << name_of(c.d);
            EXPECT_LT(error_over_rms(got.dx, expected.dx), c.maximum) << name_of(c.d);
            EXPECT_LT(error_over_rms(got.dweight, expected.dweight), c.maximum) << name_of(c.d);
        });
    }
}

TEST(CpuWinograd, TilesAtTheEndNeedFewerProducts) {
    EXPECT_EQ((cpu::TileGrid{3, 8, 4}.products()), 3 * 2 * 36);
    EXPECT_EQ((cpu::TileGrid{1, 14, 7}.products()), (3 * 6 + 4) * (6 + 5));
    EXPECT_EQ((cpu::TileGrid{2, 1, 5}.products()), 2 * 3 * (6 + 3));
    for (int64_t H = 1; H <= 9; ++H)
        for (int64_t W = 1; W <= 9; ++W) {
            const cpu::TileGrid grid{2, H, W};
            int64_t products = 0;
            for (int point = 0; point < cpu::kPoints; ++point) {
                const auto [begin, end] = grid.needing(point / 6, point % 6, cpu::needs_point);
                cpu::TileCursor tile(grid, 0);
                for (int64_t i = 0; i < grid.count(); ++i, tile.next())
                    EXPECT_EQ(begin <= i && i < end, cpu::needs_point(tile.result_rows(), point / 6) &&
                                                         cpu::needs_point(tile.result_columns(), point % 6))
                        << H << " x " << W << ", point " << point << ", tile " << i;
                products += end - begin;
            }
            EXPECT_EQ(products, grid.products()) << H << " x " << W;
        }
}

TEST(CpuWinograd, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d :
         {dims(5, 14, 14, 16, 32), dims(40, 9, 9, 48, 64), dims(40, 4, 4, 128, 100), dims(3, 9, 7, 17, 33),
          dims(1, 1, 1, 16, 16), dims(9, 7, 7, 256, 256), dims(70, 2, 2, 128, 100), dims(300, 2, 2, 17, 33),
          dims(5, 28, 28, 16, 32, 2), dims(40, 7, 8, 128, 100, 2), dims(3, 9, 7, 17, 33, 2),
          // Weights' gradients in parts, of images or of tiles.
          dims(70, 16, 15, 17, 33, 2), dims(1, 90, 91, 60, 50), dims(1, 150, 151, 17, 33, 2),
          // Enough tiles for one or two threads to transform all weights for themselves, too few for four.
          dims(2048, 1, 1, 90, 96), dims(2048, 2, 2, 60, 64, 2)}) {
        SCOPED_TRACE(name_of(d));
        testing::expect_same_bits_for_any_threads(d, run);
    }
}

TEST(CpuWinograd, AnyNumberOfCallsAtATime) {
    testing::expect_calls_at_a_time(dims(64, 14, 14, 16, 16), run);
}

TEST(CpuWinograd, AppliesToOneKindOfWindow) {
    EXPECT_TRUE(cpu::winograd_applies(dims(1, 1, 1, 1, 1)));
    EXPECT_TRUE(cpu::winograd_applies({2, 8, 8, 64, 64, 3, 3, 2, 1}));
    EXPECT_FALSE(cpu::winograd_applies({2, 8, 8, 64, 64, 3, 3, 3, 1}));
    EXPECT_FALSE(cpu::winograd_applies({2, 8, 8, 64, 64, 3, 3, 1, 0}));
    EXPECT_FALSE(cpu::winograd_applies({2, 8, 8, 64, 64, 1, 1, 1, 0}));
    EXPECT_FALSE(cpu::winograd_applies({2, 8, 8, 64, 64, 3, 1, 1, 1}));
    for (const auto pass : {cpu::ConvPass::forward, cpu::ConvPass::backward_data, cpu::ConvPass::backward_weight}) {
        EXPECT_TRUE(cpu::winograd_preferred(dims(128, 32, 32, 64, 64), pass));
        EXPECT_TRUE(cpu::winograd_preferred(dims(128, 14, 14, 16, 16), pass));
        EXPECT_TRUE(cpu::winograd_preferred(dims(128, 4, 4, 512, 512), pass));
        EXPECT_TRUE(cpu::winograd_preferred(dims(128, 2, 2, 128, 128), pass));
        EXPECT_EQ(cpu::winograd_preferred(dims(8, 2, 2, 128, 128), pass), pass != cpu::ConvPass::backward_weight);
        EXPECT_FALSE(cpu::winograd_preferred(dims(128, 1, 2, 128, 128), pass)) << "a tile mostly outside the image";
        EXPECT_FALSE(cpu::winograd_preferred(dims(128, 32, 32, 3, 64), pass));
        EXPECT_TRUE(cpu::winograd_preferred(dims(128, 32, 32, 64, 128, 2), pass));
        EXPECT_TRUE(cpu::winograd_preferred(dims(16, 14, 14, 512, 512, 2), pass));
        EXPECT_FALSE(cpu::winograd_preferred(dims(128, 14, 14, 16, 32, 2), pass)) << "too few channels a transform";
        EXPECT_FALSE(cpu::winograd_preferred(dims(128, 4, 4, 64, 128, 2), pass)) << "tiles half outside the image";
    }
}

}  // namespace
}  // namespace moco
