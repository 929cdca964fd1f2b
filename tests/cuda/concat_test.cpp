#include "tests/cuda/placed.h"
#include "tests/reference/matrices.h"

namespace moco::cuda::testing {
namespace {

class CudaConcat : public OnDevice {};

/// rows, ca, cb: both sides in packs, one, none; more than a block's 32; at an aligned address and beside one.
template <typename Body>
void for_each_pair(const Body& body) {
    for (const auto& [rows, ca, cb] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
             {1, 1, 1}, {9, 4, 8}, {3, 1, 128}, {8, 132, 4}, {5, 3, 5}, {33, 2, 2}, {2, 257, 31}})
        for (const int64_t shift : {0, 1}) {
            SCOPED_TRACE(fmt::format("{} x ({} + {}), {} beside an aligned address", rows, ca, cb, shift));
            body(rows, ca, cb, shift);
        }
}

TEST_F(CudaConcat, Forward) {
    for_each_pair([](int64_t rows, int64_t ca, int64_t cb, int64_t shift) {
        const std::vector<float> a = formula_values(rows * ca, 1), b = formula_values(rows * cb, 2);
        Placed a_device(a, shift), b_device(b, shift), y(rows * (ca + cb), shift);
        device().concat_columns_forward(a_device.floats(), b_device.floats(), y.floats(), rows, ca, cb);
        EXPECT_EQ(error_over_rms(y.host(), reference::concat_columns(doubles(a), doubles(b), rows, ca, cb)), kExact);
    });
}

TEST_F(CudaConcat, BackwardTakesApart) {
    for_each_pair([](int64_t rows, int64_t ca, int64_t cb, int64_t shift) {
        const std::vector<float> dy = formula_values(rows * (ca + cb), 1);
        Placed dy_device(dy, shift), da(rows * ca, shift), db(rows * cb, shift);
        device().concat_columns_backward(dy_device.floats(), da.floats(), db.floats(), rows, ca, cb);
        const auto part = [&](int64_t begin, int64_t end) {
            return reference::columns_of(doubles(dy), rows, ca + cb, begin, end);
        };
        EXPECT_EQ(error_over_rms(da.host(), part(0, ca)), kExact);
        EXPECT_EQ(error_over_rms(db.host(), part(ca, ca + cb)), kExact);
    });
}

TEST_F(CudaConcat, EitherGradientMayBeUnwanted) {
    Placed dy(std::vector<float>{1, 2, 3, 4, 5, 6}), da(2), db(4);
    device().concat_columns_backward(dy.floats(), da.floats(), nullptr, 2, 1, 2);
    device().concat_columns_backward(dy.floats(), nullptr, db.floats(), 2, 1, 2);
    device().concat_columns_backward(dy.floats(), nullptr, nullptr, 2, 1, 2);
    EXPECT_EQ(da.host(), (std::vector<float>{1, 4}));
    EXPECT_EQ(db.host(), (std::vector<float>{2, 3, 5, 6}));
}

}  // namespace
}  // namespace moco::cuda::testing
