#include <cmath>

#include "tests/cuda/placed.h"
#include "tests/reference/matrices.h"

namespace moco::cuda::testing {
namespace {

class CudaL2Normalize : public OnDevice {};

TEST_F(CudaL2Normalize, Forward) {
    for (const MatrixCase& c : matrix_cases())
        for (const float factor : {1.0f, 1e-8f, 1e8f}) {
            SCOPED_TRACE(what(c) + fmt::format(", times {}", factor));
            std::vector<float> x = formula_values(c.rows * c.columns, 1);
            for (float& v : x) v *= factor;
            Placed x_device(x, c.shift), y(c.rows * c.columns, c.shift), norm(c.rows, c.shift);
            device().l2_normalize_forward(x_device.floats(), y.floats(), norm.floats(), c.rows, c.columns);
            const reference::Values wide = doubles(x);
            reference::Values lengths = reference::row_dot(wide, wide, c.rows, c.columns);
            for (double& length : lengths) length = std::sqrt(length);
            EXPECT_LE(error_over_rms(y.host(), reference::l2_normalize(wide, c.rows, c.columns)), sum_of(c.columns));
            EXPECT_LE(error_over_rms(norm.host(), lengths), sum_of(c.columns));
        }
}

TEST_F(CudaL2Normalize, Backward) {
    for (const MatrixCase& c : matrix_cases()) {
        if (c.columns == 1) continue;  // the gradient is zero but for rounding
        SCOPED_TRACE(what(c));
        const std::vector<float> x = formula_values(c.rows * c.columns, 1), dy = formula_values(c.rows * c.columns, 2);
        Placed x_device(x, c.shift), dy_device(dy, c.shift), y(c.rows * c.columns, c.shift);
        Placed norm(c.rows), dx(c.rows * c.columns, c.shift);
        device().l2_normalize_forward(x_device.floats(), y.floats(), norm.floats(), c.rows, c.columns);
        device().l2_normalize_backward(y.floats(), norm.floats(), dy_device.floats(), dx.floats(), c.rows, c.columns);
        EXPECT_LE(
            error_over_rms(dx.host(), reference::l2_normalize_backward(doubles(x), doubles(dy), c.rows, c.columns)),
            sum_of(c.columns));
    }
}

TEST_F(CudaL2Normalize, ARowOfZerosIsNormalisedToZero) {
    std::vector<float> x = formula_values(3 * 20, 1);
    std::fill(x.begin() + 20, x.begin() + 40, 0.0f);
    Placed x_device(x), y(3 * 20), norm(3);
    device().l2_normalize_forward(x_device.floats(), y.floats(), norm.floats(), 3, 20);
    EXPECT_EQ(norm.host()[1], 1e-12f);
    EXPECT_LE(error_over_rms(y.host(), reference::l2_normalize(doubles(x), 3, 20)), sum_of(20));
}

TEST_F(CudaL2Normalize, ANanTakesItsRowOnly) {
    std::vector<float> x = formula_values(9 * 40, 1);
    x[2 * 40 + 39] = NAN;
    Placed x_device(x), y(9 * 40), norm(9);
    device().l2_normalize_forward(x_device.floats(), y.floats(), norm.floats(), 9, 40);
    const std::vector<float> got = y.host(), length = norm.host();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i / 40 == 2) << i;
    for (size_t r = 0; r < length.size(); ++r) EXPECT_EQ(std::isnan(length[r]), r == 2) << r;
}

}  // namespace
}  // namespace moco::cuda::testing
