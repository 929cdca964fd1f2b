// Batch normalisation on the device against the reference.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "tests/cuda/support.h"
#include "tests/reference/batch_norm.h"

namespace moco::cuda::testing {
namespace {

using reference::Values;

// N, HW, C, S. Channels: one pack, a tile (128 of f32, 256 of bf16) and one beside it, odd numbers that no pack
// divides. Rows: fewer than a block has threads, chunks of a block and one beside them, several. Up to as many splits
// as two samples each allow.
const std::vector<BatchNormDims> kSizes = {
    {6, 1, 1, 1},   {4, 6, 3, 2},    {4, 5, 4, 1},   {3, 7, 8, 1},   {6, 4, 12, 3},    {2, 31, 16, 1},
    {16, 1, 33, 8}, {2, 129, 64, 1}, {8, 16, 5, 4},  {4, 9, 24, 2},  {1, 257, 2, 1},   {3, 1025, 4, 1},
    {2, 3, 128, 1}, {4, 2, 127, 2},  {4, 3, 132, 1}, {2, 6, 257, 1}, {2, 130, 256, 1},
};

enum class Residual { without, with };

std::string name_of(const BatchNormDims& d) {
    return fmt::format("N {}, HW {}, C {}, S {}{}{}", d.N, d.HW, d.C, d.S,
                       d.activation == Activation::relu ? ", relu" : "", d.dtype == DType::bf16 ? ", bf16" : "");
}

/// Values on the device, f32 or bf16. Each copy waits for the device, so what was given is kept on the host as well.
class OnBoth {
  public:
    OnBoth(DType dtype, std::vector<float> values) : dtype_(dtype), given_(std::move(values)), memory_(raw()) {}
    /// Not initialised.
    OnBoth(DType dtype, int64_t count) : dtype_(dtype), memory_(count * static_cast<int64_t>(size_of(dtype))) {}

    uint8_t* data() { return memory_.data(); }
    const uint8_t* data() const { return memory_.data(); }
    float* floats() { return reinterpret_cast<float*>(data()); }
    /// What was given, in bf16 rounded to it.
    const std::vector<float>& given() const { return given_; }
    Values wide() const { return doubles(given_); }
    /// What is there now.
    std::vector<float> host() const {
        const std::vector<uint8_t> bytes = memory_.host();
        return dtype_ == DType::bf16 ? from_bf16(as<uint16_t>(bytes)) : as<float>(bytes);
    }

  private:
    std::vector<uint8_t> raw() {
        if (dtype_ == DType::f32) return as<uint8_t>(given_);
        const std::vector<uint16_t> bits = to_bf16(given_);
        given_ = from_bf16(bits);
        return as<uint8_t>(bits);
    }
    template <typename To, typename From>
    static std::vector<To> as(const std::vector<From>& from) {
        std::vector<To> to(from.size() * sizeof(From) / sizeof(To));
        std::memcpy(to.data(), from.data(), from.size() * sizeof(From));
        return to;
    }

    DType dtype_;
    std::vector<float> given_;
    DeviceArray<uint8_t> memory_;
};

/// What goes in, by the formula, and on the device.
struct Inputs {
    OnBoth x, residual, dy, gamma, beta, running_mean, running_var;

    explicit Inputs(const BatchNormDims& d) : Inputs(d, formula_values(d.count(), 1)) {}
    Inputs(const BatchNormDims& d, const std::vector<float>& x_values)
        : x(d.dtype, x_values),
          residual(d.dtype, formula_values(d.count(), 2)),
          dy(d.dtype, formula_values(d.count(), 5)),
          gamma(DType::f32, formula_values(d.C, 3)),
          beta(DType::f32, formula_values(d.C, 4)),
          running_mean(DType::f32, formula_values(d.C, 6)),
          running_var(DType::f32, with_offset(formula_values(d.C, 7), 1.5f)) {}

    static std::vector<float> with_offset(std::vector<float> values, float offset) {
        for (float& v : values) v += offset;
        return values;
    }
    Values added(Residual which) const { return which == Residual::with ? residual.wide() : Values(); }
    reference::BatchNormResult expected(const BatchNormDims& d, Residual which) const {
        return reference::batch_norm(d, {}, x.wide(), gamma.wide(), beta.wide(), added(which), running_mean.wide(),
                                     running_var.wide());
    }
};

struct Forward {
    OnBoth y, mean, inv_std, running_mean, running_var;

    Forward(const BatchNormDims& d, Inputs& in, Residual residual)
        : y(d.dtype, d.count()),
          mean(DType::f32, d.S * d.C),
          inv_std(DType::f32, d.S * d.C),
          running_mean(DType::f32, in.running_mean.given()),
          running_var(DType::f32, in.running_var.given()) {
        run(d, in, residual, y.data());
    }
    void run(const BatchNormDims& d, Inputs& in, Residual residual, void* result) {
        device().batch_norm_forward(d, {}, in.x.data(), in.gamma.floats(), in.beta.floats(),
                                    residual == Residual::with ? in.residual.data() : nullptr, running_mean.floats(),
                                    running_var.floats(), mean.floats(), inv_std.floats(), result, nullptr);
    }
};

struct Backward {
    OnBoth dx, dresidual, dgamma, dbeta;

    explicit Backward(const BatchNormDims& d)
        : dx(d.dtype, d.count()), dresidual(d.dtype, d.count()), dgamma(DType::f32, d.C), dbeta(DType::f32, d.C) {}
};

/// dy, but 0 where f32 may mask another element than double.
OnBoth dy_off_the_kink(BatchNormDims d, const Inputs& in, Residual residual) {
    d.activation = Activation::none;
    const Values before = in.expected(d, residual).y;
    std::vector<float> dy = in.dy.given();
    for (size_t i = 0; i < dy.size(); ++i) {
        if (std::abs(before[i]) < 1e-4) dy[i] = 0;
    }
    return OnBoth(d.dtype, dy);
}

/// The reference's numbers and ours; in f32 the bounds of tests/ops/batch_norm_case.h, in bf16 one rounding more.
void compare(const BatchNormDims& d, Residual residual) {
    SCOPED_TRACE(name_of(d) + (residual == Residual::with ? ", residual" : ""));
    const double rounding = d.dtype == DType::bf16 ? kStoredAsBf16 : 0;
    const double count = static_cast<double>(d.samples_per_split() * d.HW);
    Inputs in(d);
    Forward got(d, in, residual);
    const reference::BatchNormResult expected = in.expected(d, residual);
    EXPECT_LE(error_over_rms(got.y.host(), expected.y), sum_of(16) + rounding);
    EXPECT_LE(error_over_rms(got.running_mean.host(), expected.running_mean), kElementwise);
    EXPECT_LE(error_over_rms(got.running_var.host(), expected.running_var), kElementwise);

    const OnBoth dy = dy_off_the_kink(d, in, residual);
    Backward back(d);
    device().batch_norm_backward(d, in.x.data(), d.activation == Activation::relu ? got.y.data() : nullptr, nullptr,
                                 in.gamma.floats(), got.mean.floats(), got.inv_std.floats(), dy.data(), back.dx.data(),
                                 back.dgamma.floats(), back.dbeta.floats(),
                                 residual == Residual::with ? back.dresidual.data() : nullptr);
    const auto gradients = reference::batch_norm_backward(d, {}, in.x.wide(), in.gamma.wide(), in.beta.wide(),
                                                          in.added(residual), dy.wide());
    const double projected = sum_of(16) * (1 + 4 / std::max(count - 2, 1.0));
    EXPECT_LE(error_over_rms(back.dx.host(), gradients.dx), projected + rounding);
    EXPECT_LE(error_over_rms(back.dgamma.host(), gradients.dgamma), sum_of(d.N * d.HW));
    EXPECT_LE(error_over_rms(back.dbeta.host(), gradients.dbeta), sum_of(d.N * d.HW));
    if (residual == Residual::with) {
        EXPECT_EQ(error_over_rms(back.dresidual.host(), gradients.dresidual), kExact);
    }
}

void compare_all(DType dtype, Activation activation, Residual residual) {
    for (BatchNormDims d : kSizes) {
        d.dtype = dtype;
        d.activation = activation;
        compare(d, residual);
    }
}

class CudaBatchNorm : public OnDevice {};

TEST_F(CudaBatchNorm, AgreesWithTheReference) {
    compare_all(DType::f32, Activation::none, Residual::without);
}

TEST_F(CudaBatchNorm, WithRelu) {
    compare_all(DType::f32, Activation::relu, Residual::without);
}

TEST_F(CudaBatchNorm, WithResidual) {
    compare_all(DType::f32, Activation::none, Residual::with);
}

TEST_F(CudaBatchNorm, WithResidualAndRelu) {
    compare_all(DType::f32, Activation::relu, Residual::with);
}

TEST_F(CudaBatchNorm, InBf16) {
    compare_all(DType::bf16, Activation::none, Residual::without);
}

TEST_F(CudaBatchNorm, InBf16WithResidualAndRelu) {
    compare_all(DType::bf16, Activation::relu, Residual::with);
}

void compare_inference(DType dtype, Residual residual) {
    for (BatchNormDims d : kSizes) {
        d.dtype = dtype;
        d.activation = Activation::relu;
        SCOPED_TRACE(name_of(d));
        Inputs in(d);
        OnBoth y(dtype, d.count());
        device().batch_norm_inference(d, {}, in.x.data(), in.gamma.floats(), in.beta.floats(),
                                      residual == Residual::with ? in.residual.data() : nullptr,
                                      in.running_mean.floats(), in.running_var.floats(), nullptr, y.data(), nullptr);
        const Values expected =
            reference::batch_norm_inference(d, {}, in.x.wide(), in.gamma.wide(), in.beta.wide(), in.added(residual),
                                            in.running_mean.wide(), in.running_var.wide());
        EXPECT_LE(error_over_rms(y.host(), expected), kElementwise + (dtype == DType::bf16 ? kStoredAsBf16 : 0));
    }
}

TEST_F(CudaBatchNorm, InferenceUsesTheRunningStatistics) {
    compare_inference(DType::f32, Residual::without);
}

TEST_F(CudaBatchNorm, InferenceInBf16WithResidual) {
    compare_inference(DType::bf16, Residual::with);
}

/// One call of the backward pass of `forward`, with ReLU.
void backward_of(const BatchNormDims& d, Inputs& in, Forward& forward, const void* x, const void* dy, void* dx,
                 void* dresidual) {
    OnBoth dgamma(DType::f32, d.C), dbeta(DType::f32, d.C);
    device().batch_norm_backward(d, x, forward.y.data(), nullptr, in.gamma.floats(), forward.mean.floats(),
                                 forward.inv_std.floats(), dy, dx, dgamma.floats(), dbeta.floats(), dresidual);
}

void compare_in_place(BatchNormDims d) {
    d.activation = Activation::relu;
    SCOPED_TRACE(name_of(d));
    Inputs in(d);
    Forward forward(d, in, Residual::with);
    Backward apart(d);
    backward_of(d, in, forward, in.x.data(), in.dy.data(), apart.dx.data(), apart.dresidual.data());
    const std::vector<float> dx = apart.dx.host(), dresidual = apart.dresidual.host(), y = forward.y.host();
    OnBoth x(d.dtype, in.x.given()), dy(d.dtype, in.dy.given()), masked(d.dtype, in.dy.given());
    backward_of(d, in, forward, x.data(), in.dy.data(), x.data(), nullptr);
    EXPECT_EQ(x.host(), dx) << "dx in x";
    backward_of(d, in, forward, in.x.data(), dy.data(), dy.data(), nullptr);
    EXPECT_EQ(dy.host(), dx) << "dx in dy";
    backward_of(d, in, forward, in.x.data(), masked.data(), apart.dx.data(), masked.data());
    EXPECT_EQ(masked.host(), dresidual) << "dresidual in dy";
    EXPECT_EQ(apart.dx.host(), dx);
    forward.run(d, in, Residual::with, in.x.data());
    EXPECT_EQ(in.x.host(), y) << "y in x";
}

TEST_F(CudaBatchNorm, AResultInPlaceOfAnInputIsTheSame) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        for (BatchNormDims d : {BatchNormDims{4, 6, 3, 2}, {3, 7, 8, 1}, {2, 129, 64, 1}, {8, 16, 5, 4}}) {
            d.dtype = dtype;
            compare_in_place(d);
        }
    }
}

TEST_F(CudaBatchNorm, GradientsThatNobodyNeedsAreNotWritten) {
    const BatchNormDims d = {4, 9, 20, 2};
    Inputs in(d);
    Forward forward(d, in, Residual::without);
    Backward all(d), some(d);
    const auto backward = [&](Backward& to, float* dgamma, float* dbeta) {
        device().batch_norm_backward(d, in.x.data(), nullptr, nullptr, in.gamma.floats(), forward.mean.floats(),
                                     forward.inv_std.floats(), in.dy.data(), to.dx.data(), dgamma, dbeta, nullptr);
    };
    backward(all, all.dgamma.floats(), all.dbeta.floats());
    backward(some, nullptr, nullptr);
    EXPECT_EQ(some.dx.host(), all.dx.host());
}

/// Train mode in f32 without residual, against the reference.
void expect_exact(const BatchNormDims& d, const std::vector<float>& x) {
    SCOPED_TRACE(name_of(d));
    Inputs in(d, x);
    const Forward got(d, in, Residual::without);
    const reference::BatchNormResult expected = in.expected(d, Residual::without);
    EXPECT_LE(error_over_rms(got.y.host(), expected.y), sum_of(16));
    EXPECT_LE(error_over_rms(got.running_mean.host(), expected.running_mean), kElementwise);
    EXPECT_LE(error_over_rms(got.running_var.host(), expected.running_var), kElementwise);
}

TEST_F(CudaBatchNorm, KeepsItsDigitsWhenTheMeanIsFarLargerThanTheSpread) {
    for (const BatchNormDims& d : {BatchNormDims{8, 64, 17, 1}, BatchNormDims{8, 33, 16, 2}})
        expect_exact(d, Inputs::with_offset(formula_values(d.count(), 1), 1000));
}

TEST_F(CudaBatchNorm, AnOddFirstRowCostsNoDigits) {
    // Statistics are taken of what differs from the first row.
    const BatchNormDims d = {8, 64, 4, 1};
    std::vector<float> x = formula_values(d.count(), 1);
    for (size_t c = 0; c < 4; ++c) x[c] = 30;  // fifty deviations away
    expect_exact(d, x);
}

TEST_F(CudaBatchNorm, ANanIsNotHidden) {
    const BatchNormDims d = {4, 5, 4, 2, Activation::relu};
    std::vector<float> x = formula_values(d.count(), 1);
    const size_t place = (2 * 5 + 3) * 4 + 1;  // of sample 2, so of split 0; channel 1
    x[place] = NAN;
    Inputs in(d, x);
    Forward forward(d, in, Residual::with);
    const std::vector<float> y = forward.y.host(), running_mean = forward.running_mean.host();
    for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 4 == 1 && i / 20 % 2 == 0) << i;
    for (size_t c = 0; c < 4; ++c) EXPECT_EQ(std::isnan(running_mean[c]), c == 1);

    device().batch_norm_inference(d, {}, in.x.data(), in.gamma.floats(), in.beta.floats(), nullptr,
                                  in.running_mean.floats(), in.running_var.floats(), nullptr, forward.y.data(),
                                  nullptr);
    const std::vector<float> evaluated = forward.y.host();
    for (size_t i = 0; i < evaluated.size(); ++i) EXPECT_EQ(std::isnan(evaluated[i]), i == place) << i;
}

TEST_F(CudaBatchNorm, EqualValuesHaveNoVariance) {
    const BatchNormDims d = {4, 77, 3, 1};
    Inputs in(d, std::vector<float>(static_cast<size_t>(d.count()), 0.1f));
    const Forward got(d, in, Residual::without);
    for (const float value : got.inv_std.host()) EXPECT_FLOAT_EQ(value, 1 / std::sqrt(1e-5f));
    for (const float value : got.mean.host()) EXPECT_EQ(value, 0.1f);
}

}  // namespace
}  // namespace moco::cuda::testing
