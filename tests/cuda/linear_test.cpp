#include <cmath>

#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

using reference::Values;

class CudaLinear : public OnDevice {};

Values with_bias(const std::vector<float>& x, const std::vector<float>& bias) {
    Values y = doubles(x);
    for (size_t i = 0; i < y.size(); ++i) y[i] += bias[i % bias.size()];
    return y;
}

Values sums(const std::vector<float>& x, int64_t columns) {
    Values sum = reference::zeros(columns);
    for (size_t i = 0; i < x.size(); ++i) sum[i % sum.size()] += x[i];
    return sum;
}

TEST_F(CudaLinear, AddsABiasAlsoInPlace) {
    for (const MatrixCase& c : matrix_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = formula_values(c.rows * c.columns, 1), bias = formula_values(c.columns, 2);
        Placed x_device(x, c.shift), bias_device(bias, c.shift), y(c.rows * c.columns, c.shift);
        device().add_bias(x_device.floats(), bias_device.floats(), y.floats(), c.rows, c.columns);
        EXPECT_LE(error_over_rms(y.host(), with_bias(x, bias)), kElementwise);
        device().add_bias(x_device.floats(), bias_device.floats(), x_device.floats(), c.rows, c.columns);
        EXPECT_EQ(x_device.host(), y.host());
    }
}

TEST_F(CudaLinear, SumsRows) {
    for (const MatrixCase& c : matrix_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = formula_values(c.rows * c.columns, 1);
        Placed x_device(x, c.shift), sum(c.columns, c.shift);
        device().sum_rows(x_device.floats(), sum.floats(), c.rows, c.columns);
        EXPECT_LE(error_over_rms(sum.host(), sums(x, c.columns)), sum_of(c.rows));
    }
}

TEST_F(CudaLinear, SumsManyRowsPieceByPiece) {
    for (const auto& [rows, columns] :
         std::vector<std::pair<int64_t, int64_t>>{{511, 5}, {512, 4}, {513, 33}, {769, 8}, {2100, 3}, {65900, 1}}) {
        for (const int64_t shift : {0, 1}) {
            SCOPED_TRACE(fmt::format("{} x {}, {} beside an aligned address", rows, columns, shift));
            const std::vector<float> x = formula_values(rows * columns, 1);
            Placed x_device(x, shift), sum(columns, shift), again(columns, shift);
            device().sum_rows(x_device.floats(), sum.floats(), rows, columns);
            device().sum_rows(x_device.floats(), again.floats(), rows, columns);
            EXPECT_LE(error_over_rms(sum.host(), sums(x, columns)), sum_of(rows));
            EXPECT_EQ(sum.host(), again.host());
        }
    }
}

TEST_F(CudaLinear, ANanStaysInItsColumn) {
    for (const int64_t rows : {9, 600}) {
        std::vector<float> x = formula_values(rows * 5, 1);
        x[static_cast<size_t>((rows - 1) * 5 + 3)] = NAN;
        Placed x_device(x), sum(5);
        device().sum_rows(x_device.floats(), sum.floats(), rows, 5);
        const std::vector<float> got = sum.host();
        for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i == 3) << i;
    }
}

}  // namespace
}  // namespace moco::cuda::testing
