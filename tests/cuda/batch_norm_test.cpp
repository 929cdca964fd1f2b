// Batch normalisation on the device against the reference.
#include <cmath>

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

/// Activations in the memory of the device, f32 or bf16, and what the reference is given: the same numbers.
class Activations {
  public:
    Activations(DType dtype, std::vector<float> values)
        : dtype_(dtype),
          bits_(dtype == DType::bf16 ? to_bf16(values) : std::vector<uint16_t>()),
          floats_(dtype == DType::bf16 ? std::vector<float>() : values) {}

    void* data() { return dtype_ == DType::bf16 ? static_cast<void*>(bits_.data()) : floats_.data(); }
    const void* data() const { return const_cast<Activations*>(this)->data(); }
    std::vector<float> host() const { return dtype_ == DType::bf16 ? from_bf16(bits_.host()) : floats_.host(); }
    Values values() const { return doubles(host()); }

  private:
    DType dtype_;
    DeviceArray<uint16_t> bits_;
    DeviceArray<float> floats_;
};

/// What goes in, by the formula, and on the device.
struct Inputs {
    Activations x, residual, dy;
    DeviceArray<float> gamma, beta, running_mean, running_var;

    explicit Inputs(const BatchNormDims& d) : Inputs(d, formula_values(d.count(), 1)) {}
    Inputs(const BatchNormDims& d, const std::vector<float>& x_values)
        : x(d.dtype, x_values),
          residual(d.dtype, formula_values(d.count(), 2)),
          dy(d.dtype, formula_values(d.count(), 5)),
          gamma(formula_values(d.C, 3)),
          beta(formula_values(d.C, 4)),
          running_mean(formula_values(d.C, 6)),
          running_var(with_offset(formula_values(d.C, 7), 1.5f)) {}

    static std::vector<float> with_offset(std::vector<float> values, float offset) {
        for (float& v : values) v += offset;
        return values;
    }
};

struct Forward {
    Activations y;
    DeviceArray<float> mean, inv_std, running_mean, running_var;

    Forward(const BatchNormDims& d, Inputs& in, Residual residual)
        : y(d.dtype, std::vector<float>(static_cast<size_t>(d.count()))),
          mean(d.S * d.C),
          inv_std(d.S * d.C),
          running_mean(in.running_mean.host()),
          running_var(in.running_var.host()) {
        run(d, in, residual, y.data());
    }
    void run(const BatchNormDims& d, Inputs& in, Residual residual, void* result) {
        device().batch_norm_forward(d, {}, in.x.data(), in.gamma.data(), in.beta.data(),
                                    residual == Residual::with ? in.residual.data() : nullptr, running_mean.data(),
                                    running_var.data(), mean.data(), inv_std.data(), result);
    }
};

struct Backward {
    Activations dx, dresidual;
    DeviceArray<float> dgamma, dbeta;

    explicit Backward(const BatchNormDims& d)
        : dx(d.dtype, std::vector<float>(static_cast<size_t>(d.count()))),
          dresidual(d.dtype, std::vector<float>(static_cast<size_t>(d.count()))),
          dgamma(d.C),
          dbeta(d.C) {}
};

/// The reference's numbers and ours; in f32 the bounds of tests/ops/batch_norm_case.h, in bf16 one rounding more.
void compare(BatchNormDims d, Residual residual) {
    SCOPED_TRACE(name_of(d) + (residual == Residual::with ? ", residual" : ""));
    const double rounding = d.dtype == DType::bf16 ? kStoredAsBf16 : 0;
    const double count = static_cast<double>(d.samples_per_split() * d.HW);
    Inputs in(d);
    const Values added = residual == Residual::with ? in.residual.values() : Values();
    const Values gamma = doubles(in.gamma.host()), beta = doubles(in.beta.host());
    const Forward got(d, in, residual);
    const auto expected = reference::batch_norm(d, {}, in.x.values(), gamma, beta, added,
                                                doubles(in.running_mean.host()), doubles(in.running_var.host()));
    EXPECT_LE(error_over_rms(got.y.host(), expected.y), sum_of(16) + rounding);
    EXPECT_LE(error_over_rms(got.running_mean.host(), expected.running_mean), kElementwise);
    EXPECT_LE(error_over_rms(got.running_var.host(), expected.running_var), kElementwise);

    // The mask is read from our y. Where f32 may mask another element than double, dy is made 0.
    BatchNormDims plain = d;
    plain.activation = Activation::none;
    const Values unused(static_cast<size_t>(d.C));
    const Values before = reference::batch_norm(plain, {}, in.x.values(), gamma, beta, added, unused, unused).y;
    std::vector<float> dy = in.dy.host();
    for (size_t i = 0; i < dy.size(); ++i)
        if (std::abs(before[i]) < 1e-4) dy[i] = 0;
    const Activations dy_device(d.dtype, dy);
    Backward back(d);
    device().batch_norm_backward(d, in.x.data(), d.activation == Activation::relu ? got.y.data() : nullptr,
                                 in.gamma.data(), got.mean.data(), got.inv_std.data(), dy_device.data(), back.dx.data(),
                                 back.dgamma.data(), back.dbeta.data(),
                                 residual == Residual::with ? back.dresidual.data() : nullptr);
    const auto gradients = reference::batch_norm_backward(d, {}, in.x.values(), gamma, beta, added, doubles(dy));
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

TEST_F(CudaBatchNorm, InferenceUsesTheRunningStatistics) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        for (BatchNormDims d : kSizes) {
            d.dtype = dtype;
            d.activation = Activation::relu;
            SCOPED_TRACE(name_of(d));
            Inputs in(d);
            Activations y(dtype, std::vector<float>(static_cast<size_t>(d.count())));
            for (const Residual residual : {Residual::without, Residual::with}) {
                const bool added = residual == Residual::with;
                device().batch_norm_inference(d, {}, in.x.data(), in.gamma.data(), in.beta.data(),
                                              added ? in.residual.data() : nullptr, in.running_mean.data(),
                                              in.running_var.data(), y.data());
                const Values expected =
                    reference::batch_norm_inference(d, {}, in.x.values(), doubles(in.gamma.host()),
                                                    doubles(in.beta.host()), added ? in.residual.values() : Values(),
                                                    doubles(in.running_mean.host()), doubles(in.running_var.host()));
                EXPECT_LE(error_over_rms(y.host(), expected),
                          kElementwise + (dtype == DType::bf16 ? kStoredAsBf16 : 0));
            }
        }
    }
}

TEST_F(CudaBatchNorm, AResultInPlaceOfAnInputIsTheSame) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        for (BatchNormDims d : kSizes) {
            d.dtype = dtype;
            d.activation = Activation::relu;
            SCOPED_TRACE(name_of(d));
            Inputs in(d);
            Forward apart(d, in, Residual::with);
            const auto backward = [&](const void* x, const void* dy, void* dx, void* dresidual) {
                DeviceArray<float> dgamma(d.C), dbeta(d.C);
                device().batch_norm_backward(d, x, apart.y.data(), in.gamma.data(), apart.mean.data(),
                                             apart.inv_std.data(), dy, dx, dgamma.data(), dbeta.data(), dresidual);
            };
            Backward expected(d), other(d);
            Activations dx(dtype, in.x.host()), dy(dtype, in.dy.host());
            backward(in.x.data(), in.dy.data(), expected.dx.data(), expected.dresidual.data());
            backward(in.x.data(), in.dy.data(), other.dx.data(), nullptr);
            EXPECT_EQ(other.dx.host(), expected.dx.host());
            backward(dx.data(), in.dy.data(), dx.data(), nullptr);  // dx in x
            EXPECT_EQ(dx.host(), expected.dx.host());
            backward(in.x.data(), dy.data(), dy.data(), nullptr);  // dx in dy
            EXPECT_EQ(dy.host(), expected.dx.host());
            Activations masked(dtype, in.dy.host());
            backward(in.x.data(), masked.data(), other.dx.data(), masked.data());  // dresidual in dy
            EXPECT_EQ(masked.host(), expected.dresidual.host());
            EXPECT_EQ(other.dx.host(), expected.dx.host());

            Forward in_place(d, in, Residual::with);
            in_place.run(d, in, Residual::with, in.x.data());  // y in x
            EXPECT_EQ(in.x.host(), apart.y.host());
        }
    }
}

TEST_F(CudaBatchNorm, GradientsThatNobodyNeedsAreNotWritten) {
    BatchNormDims d = {4, 9, 20, 2};
    Inputs in(d);
    Forward forward(d, in, Residual::without);
    Backward all(d), some(d);
    const auto backward = [&](Backward& to, float* dgamma, float* dbeta) {
        device().batch_norm_backward(d, in.x.data(), nullptr, in.gamma.data(), forward.mean.data(),
                                     forward.inv_std.data(), in.dy.data(), to.dx.data(), dgamma, dbeta, nullptr);
    };
    backward(all, all.dgamma.data(), all.dbeta.data());
    backward(some, nullptr, nullptr);
    EXPECT_EQ(some.dx.host(), all.dx.host());
}

/// Train mode in f32 without residual, against the reference.
void expect_exact(const BatchNormDims& d, const std::vector<float>& x) {
    SCOPED_TRACE(name_of(d));
    Inputs in(d, x);
    const Forward got(d, in, Residual::without);
    const auto expected = reference::batch_norm(d, {}, doubles(x), doubles(in.gamma.host()), doubles(in.beta.host()),
                                                {}, doubles(in.running_mean.host()), doubles(in.running_var.host()));
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

    device().batch_norm_inference(d, {}, in.x.data(), in.gamma.data(), in.beta.data(), nullptr, in.running_mean.data(),
                                  in.running_var.data(), forward.y.data());
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
