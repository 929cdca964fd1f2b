#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/matrices.h"

namespace moco::cuda::testing {
namespace {

class CudaRowDot : public OnDevice {};

TEST_F(CudaRowDot, Forward) {
    for (const MatrixCase& c : matrix_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> a = formula_values(c.rows * c.columns, 1), b = formula_values(c.rows * c.columns, 2);
        Placed a_device(a, c.shift), b_device(b, c.shift), dot(c.rows, c.shift);
        device().row_dot_forward(a_device.floats(), b_device.floats(), dot.floats(), c.rows, c.columns);
        // One row's product may cancel: the bound is for the RMS of such sums, sqrt(columns) / 3.
        const double rms = std::sqrt(static_cast<double>(c.columns)) / 3;
        const reference::Values expected = reference::row_dot(doubles(a), doubles(b), c.rows, c.columns);
        const std::vector<float> got = dot.host();
        for (size_t r = 0; r < got.size(); ++r) EXPECT_NEAR(got[r], expected[r], sum_of(c.columns) * rms) << r;
    }
}

TEST_F(CudaRowDot, Backward) {
    for (const MatrixCase& c : matrix_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> a = formula_values(c.rows * c.columns, 1), b = formula_values(c.rows * c.columns, 2);
        const std::vector<float> ddot = formula_values(c.rows, 3);
        Placed a_device(a, c.shift), b_device(b, c.shift), ddot_device(ddot, c.shift);
        Placed da(c.rows * c.columns, c.shift), db(c.rows * c.columns, c.shift);
        device().row_dot_backward(a_device.floats(), b_device.floats(), ddot_device.floats(), da.floats(), db.floats(),
                                  c.rows, c.columns);
        const auto expected = [&](const std::vector<float>& other) {
            return reference::row_dot_backward(doubles(other), doubles(ddot), c.rows, c.columns);
        };
        EXPECT_LE(error_over_rms(da.host(), expected(b)), kElementwise);
        EXPECT_LE(error_over_rms(db.host(), expected(a)), kElementwise);
    }
}

TEST_F(CudaRowDot, EitherGradientMayBeUnwanted) {
    const std::vector<float> a = formula_values(99, 1), b = formula_values(99, 2), ddot = formula_values(3, 3);
    Placed a_device(a), b_device(b), ddot_device(ddot), both_a(99), both_b(99), only_a(99), only_b(99);
    const auto backward = [&](float* da, float* db) {
        device().row_dot_backward(a_device.floats(), b_device.floats(), ddot_device.floats(), da, db, 3, 33);
    };
    backward(both_a.floats(), both_b.floats());
    backward(only_a.floats(), nullptr);
    backward(nullptr, only_b.floats());
    backward(nullptr, nullptr);
    EXPECT_EQ(only_a.host(), both_a.host());
    EXPECT_EQ(only_b.host(), both_b.host());
}

}  // namespace
}  // namespace moco::cuda::testing
