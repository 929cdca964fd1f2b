#include "ops/concat_columns.h"

#include <gmock/gmock.h>

#include "tests/reference/matrices.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase concat_columns_case(int64_t N, int64_t CA, int64_t CB) {
    return {
        .what = fmt::format("concat_columns of {}x{} and {}x{}", N, CA, N, CB),
        .inputs = {{"a", {N, CA}}, {"b", {N, CB}}},
        .op = [](const std::vector<Tensor>& in) { return concat_columns(in[0], in[1]); },
        .forward = [=](const std::vector<Values>& in) { return reference::concat_columns(in[0], in[1], N, CA, CB); },
        .backward =
            [=](const std::vector<Values>&, const Values& dy) {
                return std::vector<Values>{reference::columns_of(dy, N, CA + CB, 0, CA),
                                           reference::columns_of(dy, N, CA + CB, CA, CA + CB)};
            },
        .forward_tolerance = kExact,
        .backward_tolerances = {kExact, kExact}};
}

class ConcatColumnsTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(ConcatColumnsTest);

TEST(ConcatColumnsReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(concat_columns_case(3, 2, 5));
}

TEST_P(ConcatColumnsTest, AgreesWithTheReference) {
    for (const auto& [N, CA, CB] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {5, 1, 64}, {3, 17, 15}, {16, 16, 48}, {33, 3, 1}, {7, 1, 513}}) {
        expect_agrees(concat_columns_case(N, CA, CB), GetParam());
    }
}

TEST_P(ConcatColumnsTest, AgreesWithPyTorch) {
    expect_golden(concat_columns_case(5, 1, 6), GetParam(), GoldenPack("ops"), "concat_columns", kGolden);
}

TEST_P(ConcatColumnsTest, NamesWhatIsWrong) {
    const Tensor a = Tensor::zeros({2, 3}, DType::f32, backend()), b = Tensor::zeros({3, 3}, DType::f32, backend());
    EXPECT_EQ(error_of([&] { concat_columns(a, b); }),
              "concat_columns: a has 2 rows, b has 3 (a 2x3 N,CA; b 3x3 N,CB)");
}

}  // namespace
}  // namespace moco
