#include "tests/cuda/placed.h"
#include "tests/reference/matrices.h"

namespace moco::cuda::testing {
namespace {

class CudaScatterRows : public OnDevice {};

void expect_scattered(int64_t rows, int64_t columns, int64_t shift, const std::vector<int64_t>& index,
                      int64_t target_rows) {
    SCOPED_TRACE(fmt::format("{} x {} to {} rows, {} beside an aligned address", rows, columns, target_rows, shift));
    const std::vector<float> x = formula_values(rows * columns, 1), before = formula_values(target_rows * columns, 2);
    Placed x_device(x, shift), y(before, shift);
    const DeviceArray<int64_t> index_device(index);
    device().scatter_rows(x_device.floats(), index_device.data(), y.floats(), rows, columns);
    const reference::Values expected = reference::scatter_rows(doubles(x), index, doubles(before), columns);
    EXPECT_EQ(error_over_rms(y.host(), expected), kExact);
}

TEST_F(CudaScatterRows, WritesTheLastOfEqualIndices) {
    for (const MatrixCase& c : matrix_cases()) {
        std::vector<int64_t> index;
        for (int64_t i = 0; i < c.rows; ++i) index.push_back(i * 7 % ((c.rows + 1) / 2));  // others stay
        expect_scattered(c.rows, c.columns, c.shift, index, c.rows);
    }
}

TEST_F(CudaScatterRows, OfEqualRowsFartherApartThanAWarpIsWide) {
    std::vector<int64_t> index(100, 1);
    index.back() = 0;
    expect_scattered(100, 4, 0, index, 3);
}

}  // namespace
}  // namespace moco::cuda::testing
