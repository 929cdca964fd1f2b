// The CPU's convolutions against the definition in double, over the relations that sizes can have to the tiles.
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.h"
#include "tests/reference/conv2d.h"
#include "tests/support/test_backend.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using testing::cpu;
using testing::error_over_rms;
using testing::formula_values;
using testing::reference::Values;

std::vector<Conv2dDims> shapes() {
    // N, H, W, IC, OC, KH, KW, stride, pad. Tiles are 14 x 32 (AVX-512) or 6 x 16 (AVX2) output pixels x channels.
    return {
        {2, 9, 7, 17, 48, 3, 3, 1, 1},     // a row wider than half a tile, channels between one panel and two
        {3, 8, 15, 48, 17, 3, 3, 1, 1},    // rows one above the tile
        {1, 5, 13, 32, 31, 3, 3, 1, 1},    // batch 1, one below the tile in both directions
        {2, 6, 14, 16, 33, 3, 3, 1, 1},    // the tile's rows, one channel above the panel
        {17, 2, 2, 20, 24, 3, 3, 1, 1},    // images smaller than the kernel: most taps are padding
        {29, 4, 4, 16, 16, 3, 3, 1, 1},    // small images, more of them than a tile has rows
        {15, 7, 7, 24, 40, 3, 3, 1, 1},    //
        {4, 1, 1, 16, 20, 3, 3, 1, 1},     // one pixel: only the centre tap counts
        {2, 9, 6, 17, 20, 3, 3, 2, 1},     // stride 2, odd and even extents
        {16, 7, 8, 16, 32, 3, 3, 2, 1},    //
        {13, 4, 4, 48, 65, 3, 3, 2, 1},    //
        {2, 12, 10, 3, 16, 7, 7, 2, 3},    // the ImageNet stem
        {2, 9, 17, 3, 64, 3, 3, 1, 1},     // the CIFAR stem
        {5, 14, 12, 1, 16, 3, 3, 2, 1},    // the small stem of one channel
        {2, 11, 9, 1, 17, 5, 5, 1, 2},     //
        {2, 10, 13, 17, 3, 5, 5, 3, 0},    // stride 3, no padding: pixels of x that no output sees
        {2, 6, 5, 48, 40, 1, 1, 1, 0},     // 1x1
        {1, 1, 1, 3, 2, 1, 1, 1, 0},       // one product
        {3, 7, 8, 17, 33, 1, 1, 2, 0},     // strided 1x1
        {1, 4, 6, 2, 3, 1, 1, 1, 1},       // padded 1x1: a border of zeros
        {2, 5, 6, 600, 34, 1, 1, 1, 0},    // depth above one block
        {2, 5, 7, 1024, 136, 1, 1, 1, 0},  // rows 4 KiB apart, of x and, next, of dy; many weights
        {3, 2, 5, 40, 1024, 1, 1, 1, 0},   //
        {14, 3, 4, 300, 290, 3, 3, 1, 1},  // several blocks of depth and of channels
        {2, 6, 8, 5, 7, 3, 1, 1, 1},       // kernels that are not square
        {2, 6, 8, 5, 7, 1, 4, 2, 0},       //
        {2, 3, 3, 4, 5, 3, 3, 1, 3},       // more padding than image
    };
}

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

std::string name_of(const Conv2dDims& d) {
    return fmt::format("x {}x{}x{}x{}, weight {}x{}x{}x{}, stride {}, pad {}", d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW,
                       d.IC, d.stride, d.pad);
}

// A sum of n products of f32 in order is off by at most about sqrt(n) * 2^-24 of the terms' size, and the result's RMS
// is sqrt(n) of it: 6e-8 times a small factor for the largest of many errors. The longest sums here (2700 products)
// come to 4e-6.
constexpr double kTolerance = 1e-5;

TEST(CpuConv2d, DirectMatchesTheDefinition) {
    for (const Conv2dDims& d : shapes()) {
        SCOPED_TRACE(name_of(d));
        const Inputs in = inputs_of(d);
        const Passes got = run(d, in);
        const Values x(in.x.begin(), in.x.end()), weight(in.weight.begin(), in.weight.end()),
            dy(in.dy.begin(), in.dy.end());
        EXPECT_LT(error_over_rms(got.y, testing::reference::conv2d_forward(d, x, weight)), kTolerance);
        EXPECT_LT(error_over_rms(got.dx, testing::reference::conv2d_backward_data(d, dy, weight)), kTolerance);
        EXPECT_LT(error_over_rms(got.dweight, testing::reference::conv2d_backward_weight(d, x, dy)), kTolerance);
    }
}

TEST(CpuConv2d, SameBitsForAnyNumberOfThreads) {
    for (const Conv2dDims& d : shapes()) {
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
