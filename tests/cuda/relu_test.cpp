#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/elementwise.h"

namespace moco::cuda::testing {
namespace {

class CudaRelu : public OnDevice {};

TEST_F(CudaRelu, Forward) {
    for (const ElementCase& c : element_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = kept(c.dtype, formula_values(c.count, 1));
        Placed x_device(c.dtype, x, c.shift), y(c.dtype, c.count, c.shift);
        device().relu_forward(c.dtype, x_device.data(), y.data(), c.count);
        EXPECT_EQ(error_over_rms(y.host(), reference::relu(doubles(x))), kExact);
    }
}

TEST_F(CudaRelu, Backward) {
    for (const ElementCase& c : element_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> y = kept(c.dtype, formula_values(c.count, 1));
        const std::vector<float> dy = kept(c.dtype, formula_values(c.count, 2));
        Placed y_device(c.dtype, y, c.shift), dy_device(c.dtype, dy, c.shift), dx(c.dtype, c.count, c.shift);
        device().relu_backward(c.dtype, y_device.data(), dy_device.data(), dx.data(), c.count);
        EXPECT_EQ(error_over_rms(dx.host(), reference::relu_backward(doubles(y), doubles(dy))), kExact);
    }
}

TEST_F(CudaRelu, AgreesWhereOnlyOneSideIsAligned) {
    const std::vector<float> x = formula_values(1000, 1);
    for (const auto& [x_shift, y_shift] : {std::pair{0, 1}, {1, 0}, {2, 3}, {4, 0}}) {
        Placed x_device(x, x_shift), y(1000, y_shift);
        device().relu_forward(DType::f32, x_device.data(), y.data(), 1000);
        EXPECT_EQ(error_over_rms(y.host(), reference::relu(doubles(x))), kExact) << x_shift << ", " << y_shift;
    }
}

TEST_F(CudaRelu, ForwardKeepsANan) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
        Placed x(dtype, {-1, NAN, 1, -INFINITY, INFINITY, -0.0f, 0, 3, -3, NAN}), y(dtype, 10);
        device().relu_forward(dtype, x.data(), y.data(), 10);
        const std::vector<float> got = y.host();
        EXPECT_TRUE(std::isnan(got[1]) && std::isnan(got[9]));
        EXPECT_EQ(std::vector<float>(got.begin() + 2, got.begin() + 9),
                  (std::vector<float>{1, 0, INFINITY, 0, 0, 3, 0}));
    }
}

TEST_F(CudaRelu, LetsNothingThroughAtZero) {
    Placed y(std::vector<float>{0, -0.0f, 1e-30f, 2, NAN}), dy(std::vector<float>{NAN, 2, 3, NAN, 5}), dx(5);
    device().relu_backward(DType::f32, y.data(), dy.data(), dx.data(), 5);
    const std::vector<float> got = dx.host();
    EXPECT_EQ(got[0], 0);
    EXPECT_EQ(got[1], 0);
    EXPECT_EQ(got[2], 3);
    EXPECT_TRUE(std::isnan(got[3]));
    EXPECT_EQ(got[4], 0);
}

}  // namespace
}  // namespace moco::cuda::testing
