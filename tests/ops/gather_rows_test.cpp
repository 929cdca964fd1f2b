#include "ops/gather_rows.h"

#include <gmock/gmock.h>

#include "core/autograd.h"
#include "tests/support/op_case.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

class GatherRowsTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(GatherRowsTest);

TEST_P(GatherRowsTest, CopiesRowsInTheGivenOrder) {
    for (const auto& [rows, columns] :
         std::vector<std::array<int64_t, 2>>{{1, 1}, {4, 16}, {5, 17}, {3, 15}, {33, 48}, {7, 1000}}) {
        const std::vector<float> x = formula_values(rows * columns, 1);
        std::vector<int64_t> index;
        for (int64_t i = 0; i < rows + 2; ++i) index.push_back((i * 7 + 3) % rows);  // the last two repeat
        const Tensor y = gather_rows(Tensor::from_host(x, {rows, columns}, backend()),
                                     Tensor::from_host(index, {rows + 2}, backend()));
        ASSERT_EQ(y.shape(), (Shape{rows + 2, columns}));
        const std::vector<float> got = y.to_vector();
        for (size_t i = 0; i < got.size(); ++i) {
            const size_t row = i / static_cast<size_t>(columns), column = i % static_cast<size_t>(columns);
            ASSERT_EQ(got[i], x[static_cast<size_t>(index[row] * columns) + column]);
        }
    }
}

TEST_P(GatherRowsTest, RowsOfImagesAreImages) {
    const Tensor x = formula_tensor({3, 2, 4, 1}, 1, backend());
    const Tensor y = gather_rows(x, Tensor::from_host<int64_t>({2, 0}, {2}, backend()));
    EXPECT_EQ(y.shape(), (Shape{2, 2, 4, 1}));
    EXPECT_EQ(y.rows(1, 2).to_vector(), x.rows(0, 1).to_vector());
}

TEST_P(GatherRowsTest, TakesNoGradientAndSaysSo) {
    Tensor x = formula_tensor({3, 2}, 1, backend());
    x.set_requires_grad(true);
    const Tensor index = Tensor::from_host<int64_t>({0}, {1}, backend());
    EXPECT_EQ(error_of([&] { gather_rows(x, index); }),
              "gather_rows: no gradient goes through it, but x wants one; wrap it in NoGrad");
    const NoGrad no_gradient;
    EXPECT_FALSE(gather_rows(x, index).requires_grad());
}

TEST_P(GatherRowsTest, NamesWhatIsWrong) {
    const Tensor x = formula_tensor({3, 2}, 1, backend());
    EXPECT_EQ(error_of([&] { gather_rows(x, x); }), "gather_rows: index is f32, expected i64");
    EXPECT_EQ(error_of([&] {
                  gather_rows(x, Tensor::zeros({2, 2}, DType::i64, backend()));
              }),
              "gather_rows: index has 2 dimensions, expected 1 (index is 2x2)");
    EXPECT_EQ(error_of([&] { gather_rows(x, Tensor::zeros({0}, DType::i64, backend())); }),
              "gather_rows: index is empty");
    EXPECT_EQ(error_of([&] { gather_rows(x, Tensor()); }), "gather_rows: index is undefined, expected an i64 tensor");
    EXPECT_EQ(error_of([&] { gather_rows(Tensor::full({}, 1, backend()), Tensor::zeros({1}, DType::i64, backend())); }),
              "gather_rows: x is a scalar, expected rows");
}

}  // namespace
}  // namespace moco
