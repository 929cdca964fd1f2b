#include <cmath>
#include <numeric>

#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

class CudaGatherRows : public OnDevice {};

TEST_F(CudaGatherRows, TakesRowsInTheOrderOfTheIndex) {
    for (const MatrixCase& c : matrix_cases()) {
        SCOPED_TRACE(what(c));
        const std::vector<float> x = formula_values(c.rows * c.columns, 1);
        std::vector<int64_t> index;  // some rows more than once
        for (int64_t i = 0; i < c.rows + 3; ++i) index.push_back((i * 7 + 3) % c.rows);
        Placed x_device(x, c.shift), y((c.rows + 3) * c.columns, c.shift);
        const DeviceArray<int64_t> index_device(index);
        device().gather_rows(x_device.floats(), index_device.data(), y.floats(), c.rows + 3, c.columns);
        std::vector<float> expected;
        for (const int64_t row : index) {
            const auto first = x.begin() + row * c.columns;
            expected.insert(expected.end(), first, first + c.columns);
        }
        EXPECT_EQ(y.host(), expected);
    }
}

TEST_F(CudaGatherRows, ShufflesAndUnshufflesMoreRowsThanTheGridHas) {
    const int64_t rows = 8 * 1024 + 5, columns = 3;
    const std::vector<float> x = formula_values(rows * columns, 1);
    std::vector<int64_t> order(static_cast<size_t>(rows)), back(order.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i * 29 % order.size());
    for (size_t i = 0; i < order.size(); ++i) back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
    Placed x_device(x), shuffled(rows * columns), y(rows * columns);
    const DeviceArray<int64_t> order_device(order), back_device(back);
    device().gather_rows(x_device.floats(), order_device.data(), shuffled.floats(), rows, columns);
    device().gather_rows(shuffled.floats(), back_device.data(), y.floats(), rows, columns);
    EXPECT_EQ(y.host(), x);
}

}  // namespace
}  // namespace moco::cuda::testing
