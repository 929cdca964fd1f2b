#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/elementwise.h"

namespace moco::cuda::testing {
namespace {

class CudaAdd : public OnDevice {};

TEST_F(CudaAdd, Add) {
    for (const ElementCase& c : element_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> a = kept(c.dtype, formula_values(c.count, 1));
        const std::vector<float> b = kept(c.dtype, formula_values(c.count, 2));
        Placed a_device(c.dtype, a, c.shift), b_device(c.dtype, b, c.shift), y(c.dtype, c.count, c.shift);
        device().add_forward(c.dtype, a_device.data(), b_device.data(), y.data(), c.count);
        EXPECT_LE(error_over_rms(y.host(), reference::add(doubles(a), doubles(b))), stored_as(c.dtype, kElementwise));
    }
}

TEST_F(CudaAdd, OneRoundingOnly) {
    const std::vector<float> a = kept(DType::bf16, formula_values(1000, 1));
    const std::vector<float> b = kept(DType::bf16, formula_values(1000, 2));
    std::vector<float> expected(1000);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] = a[i] + b[i];
    for (const DType dtype : {DType::f32, DType::bf16}) {
        Placed a_device(dtype, a), b_device(dtype, b), y(dtype, 1000);
        device().add_forward(dtype, a_device.data(), b_device.data(), y.data(), 1000);
        EXPECT_EQ(y.host(), kept(dtype, expected));
    }
}

TEST_F(CudaAdd, Accumulate) {
    for (const ElementCase& c : element_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = kept(c.dtype, formula_values(c.count, 1));
        const std::vector<float> before = kept(c.dtype, formula_values(c.count, 2));
        Placed x_device(c.dtype, x, c.shift), sum(c.dtype, before, c.shift);
        device().accumulate(c.dtype, x_device.data(), sum.data(), c.count);
        EXPECT_LE(error_over_rms(sum.host(), reference::add(doubles(before), doubles(x))),
                  stored_as(c.dtype, kElementwise));
        EXPECT_EQ(x_device.host(), x);
    }
}

TEST_F(CudaAdd, Scale) {
    for (const ElementCase& c : element_cases({DType::f32})) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = formula_values(c.count, 1);
        Placed x_device(x, c.shift), y(c.count, c.shift);
        device().scale(x_device.floats(), 0.3f, y.floats(), c.count);
        EXPECT_LE(error_over_rms(y.host(), reference::scale(doubles(x), 0.3f)), kElementwise);
        device().scale(x_device.floats(), 0.3f, x_device.floats(), c.count);  // in place
        EXPECT_EQ(x_device.host(), y.host());
    }
}

TEST_F(CudaAdd, NanAndInfinityComeThrough) {
    Placed a(std::vector<float>{NAN, INFINITY, INFINITY, 3e38f, 1}), b(std::vector<float>{1, -INFINITY, 1, 3e38f, 2});
    Placed y(5);
    device().add_forward(DType::f32, a.data(), b.data(), y.data(), 5);
    device().scale(y.floats(), 0, y.floats(), 5);
    const std::vector<float> got = y.host();
    for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(got[i])) << i;  // zero times infinity, too
    EXPECT_EQ(got[4], 0);
}

}  // namespace
}  // namespace moco::cuda::testing
