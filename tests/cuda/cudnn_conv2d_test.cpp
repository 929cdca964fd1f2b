#include "tests/cuda/libraries.h"
#include "tests/reference/conv2d.h"

namespace moco::cuda::testing {
namespace {

// N, H, W, IC, OC, KH, KW, stride, pad: those of a ResNet, small, and sizes that divide by nothing.
const std::vector<Conv2dDims> kShapes = {
    {2, 5, 7, 8, 16, 3, 3, 1, 1},    // 3x3
    {1, 6, 5, 17, 9, 3, 3, 1, 1},    // 3x3, odd channels
    {2, 9, 6, 8, 12, 3, 3, 2, 1},    // 3x3, stride 2
    {1, 12, 10, 3, 16, 7, 7, 2, 3},  // the stem
    {2, 4, 5, 16, 24, 1, 1, 1, 0},   // 1x1
    {2, 7, 9, 16, 8, 1, 1, 2, 0},    // 1x1, stride 2: pixels of x that no output sees
    {1, 1, 1, 3, 5, 1, 1, 1, 0},     // one pixel
    {3, 2, 2, 4, 4, 3, 3, 1, 1},     // images smaller than the window
    {1, 5, 6, 3, 5, 2, 3, 1, 1},     // a window that is not square
    {1, 8, 7, 2, 3, 5, 5, 3, 0},     // stride 3, no padding
    {1, 4, 5, 4, 4, 3, 3, 1, 2},     // more padding than the window's half
};

std::string shape_text(const Conv2dDims& d) {
    return fmt::format("x {}x{}x{}x{}, weight {}x{}x{}x{}, stride {}, pad {}", d.N, d.H, d.W, d.IC, d.OC, d.KH, d.KW,
                       d.IC, d.stride, d.pad);
}

/// The three results.
struct Results {
    std::vector<float> y, dx, dweight;
    bool operator==(const Results&) const = default;
};

struct Inputs {
    std::vector<float> x, weight, dy;
};

Inputs inputs_of(const Conv2dDims& d) {
    return {formula_values(d.x_count(), 1), formula_values(d.weight_count(), 2), formula_values(d.y_count(), 3)};
}

Results run(const Conv2dDims& d, const Inputs& in) {
    const Array<float> x(in.x), weight(in.weight), dy(in.dy);
    Array<float> y(nan_floats(d.y_count())), dx(nan_floats(d.x_count())), dweight(nan_floats(d.weight_count()));
    backend().conv2d_forward(d, x.data(), weight.data(), y.data());
    backend().conv2d_backward_data(d, dy.data(), weight.data(), dx.data());
    backend().conv2d_backward_weight(d, x.data(), dy.data(), dweight.data());
    return {y.host(), dx.host(), dweight.host()};
}

/// The same with x, dy and the results of their kind as bf16.
Results run_bf16(Conv2dDims d, const Inputs& in) {
    d.dtype = DType::bf16;
    const Array<uint16_t> x(to_bf16(in.x)), dy(to_bf16(in.dy));
    const Array<float> weight(in.weight);
    Array<uint16_t> y(nan_halves(d.y_count())), dx(nan_halves(d.x_count()));
    Array<float> dweight(nan_floats(d.weight_count()));
    backend().conv2d_forward(d, x.data(), weight.data(), y.data());
    backend().conv2d_backward_data(d, dy.data(), weight.data(), dx.data());
    backend().conv2d_backward_weight(d, x.data(), dy.data(), dweight.data());
    return {from_bf16(y.host()), from_bf16(dx.host()), dweight.host()};
}

std::vector<float> rounded(const std::vector<float>& values) {
    return from_bf16(to_bf16(values));
}

/// `tolerance`: of a sum of n products, by n. `stored`: what writing the results adds.
template <typename Tolerance>
void expect_agrees(const Conv2dDims& d, const Inputs& in, const Results& got, const Tolerance& tolerance,
                   double stored) {
    const auto x = doubles(in.x), weight = doubles(in.weight), dy = doubles(in.dy);
    EXPECT_LE(error_over_rms(got.y, reference::conv2d_forward(d, x, weight)), tolerance(d.KH * d.KW * d.IC) + stored);
    EXPECT_LE(error_over_rms(got.dx, reference::conv2d_backward_data(d, dy, weight)),
              tolerance(d.KH * d.KW * d.OC) + stored);
    EXPECT_LE(error_over_rms(got.dweight, reference::conv2d_backward_weight(d, x, dy)),
              tolerance(d.N * d.OH() * d.OW()) + stored);
}

class CudnnConv2d : public OnDevice {
  protected:
    void SetUp() override {
        OnDevice::SetUp();
        if (!IsSkipped()) backend().set_conv_algorithm(ConvAlgorithm::direct);
    }
    void TearDown() override {
        if (!IsSkipped()) backend().set_precision(Precision::f32);
    }
    static bool narrow_types() { return backend().device().major >= 8; }
};

TEST_F(CudnnConv2d, AgreesWithTheReference) {
    for (const Conv2dDims& d : kShapes) {
        SCOPED_TRACE(shape_text(d));
        const Inputs in = inputs_of(d);
        expect_agrees(d, in, run(d, in), sum_of, 0);
    }
}

TEST_F(CudnnConv2d, AgreesWithTheReferenceInBf16) {
    if (!narrow_types()) GTEST_SKIP() << "bf16 needs sm_80, this is " << backend().device().architecture();
    for (const Conv2dDims& d : kShapes) {
        SCOPED_TRACE(shape_text(d));
        Inputs in = inputs_of(d);
        const Results got = run_bf16(d, in);
        in = {rounded(in.x), rounded(in.weight), rounded(in.dy)};
        expect_agrees(d, in, got, sum_of, kStoredAsBf16);
    }
}

TEST_F(CudnnConv2d, MayRoundFactorsInTf32) {
    if (!narrow_types()) GTEST_SKIP() << "TF32 needs sm_80, this is " << backend().device().architecture();
    backend().set_precision(Precision::tf32);
    for (const Conv2dDims& d : {kShapes[0], kShapes[3], kShapes[5]}) {
        SCOPED_TRACE(shape_text(d));
        const Inputs in = inputs_of(d);
        expect_agrees(d, in, run(d, in), tf32_sum_of, 0);
    }
}

// 1 + 2^-12 is a number of f32, and one in TF32.
TEST_F(CudnnConv2d, KeepsAllDigitsInF32) {
    const Conv2dDims d = {1, 1, 1, 1, 1, 1, 1, 1, 0};
    const float fine = 1.0f + 0x1p-12f;
    const Results got = run(d, {{fine}, {1.0f}, {fine}});
    EXPECT_EQ(got.y, std::vector{fine});
    EXPECT_EQ(got.dx, std::vector{fine});
}

// The bound of Winograd's and FFT's sums, as in tests/ops/conv2d_test.cpp.
constexpr double kTransformed = 1e-5;

TEST_F(CudnnConv2d, AgreesWithTheReferenceByEveryAlgorithm) {
    const auto tolerance = [](int64_t n) { return std::max(sum_of(n), kTransformed); };
    for (const ConvAlgorithm algorithm : {ConvAlgorithm::auto_select, ConvAlgorithm::winograd}) {
        backend().set_conv_algorithm(algorithm);
        for (const Conv2dDims& d : {kShapes[0], kShapes[2], kShapes[4]}) {
            SCOPED_TRACE(shape_text(d));
            const Inputs in = inputs_of(d);
            expect_agrees(d, in, run(d, in), tolerance, 0);
        }
    }
}

TEST_F(CudnnConv2d, GivesTheSameBitsAgain) {
    const Conv2dDims d = {4, 9, 8, 16, 24, 3, 3, 1, 1};
    const Inputs in = inputs_of(d);
    EXPECT_EQ(run(d, in), run(d, in));
}

TEST_F(CudnnConv2d, ChoicesAreTakenOverByAnotherBackend) {
    const Conv2dDims d = {2, 6, 7, 8, 16, 3, 3, 1, 1};
    run(d, inputs_of(d));
    const std::string tuning = backend().tuning();
    EXPECT_NE(tuning.find("backward-weight f32 direct 2x6x7x8 16x3x3 1x1 ALGO_1 FMA\n"), std::string::npos) << tuning;
    EXPECT_EQ(tuning.find("ALGO_0"), std::string::npos) << "not deterministic: " << tuning;
    CudaBackend another;
    EXPECT_EQ(another.tuning(), "");
    another.set_tuning(tuning);
    EXPECT_EQ(another.tuning(), tuning);
}

TEST_F(CudnnConv2d, NamesTensorsThatAreTooLarge) {
    const Conv2dDims d = {1 << 15, 256, 256, 1, 1, 1, 1, 1, 0};
    EXPECT_EQ(message_of([&] { backend().conv2d_forward(d, nullptr, nullptr, nullptr); }),
              "conv2d: cuDNN takes no tensor of 2^31 elements or more, and here x has 2147483648 and y 2147483648 (x "
              "32768x256x256x1 N,H,W,C; weight 1x1x1x1 O,H,W,I; stride 1, pad 0; f32); use a smaller batch");
}

#if defined(MOCO_CUDA_EMULATED)
TEST_F(CudnnConv2d, NamesTheCallTheShapesAndTheDeviceWhenCudnnFails) {
    const Conv2dDims d = {1, 2, 3, 4, 5, 1, 1, 1, 0};
    const Array<float> x(d.x_count()), weight(d.weight_count());
    Array<float> y(d.y_count());
    emulated::inject_failure(emulated::Failure::library, 1);
    EXPECT_EQ(message_of([&] { backend().conv2d_forward(d, x.data(), weight.data(), y.data()); }),
              "CUDA device 0: cudnnConvolutionForward by IMPLICIT_PRECOMP_GEMM of x 1x2x3x4 N,H,W,C; weight 5x1x1x4 "
              "O,H,W,I; stride 1, pad 0; f32 failed: CUDNN_STATUS_EXECUTION_FAILED (injected failure)");
}
#endif

}  // namespace
}  // namespace moco::cuda::testing
