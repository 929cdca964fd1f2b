#include "ops/row_dot.h"

#include <gmock/gmock.h>

#include "tests/reference/matrices.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase row_dot_case(int64_t N, int64_t C) {
    return {.what = fmt::format("row_dot of {}x{}", N, C),
            .inputs = {{"a", {N, C}}, {"b", {N, C}}},
            .op = [](const std::vector<Tensor>& in) { return row_dot(in[0], in[1]); },
            .forward = [=](const std::vector<Values>& in) { return reference::row_dot(in[0], in[1], N, C); },
            .backward =
                [=](const std::vector<Values>& in, const Values& dy) {
                    return std::vector<Values>{reference::row_dot_backward(in[1], dy, N, C),
                                               reference::row_dot_backward(in[0], dy, N, C)};
                },
            .forward_tolerance = sum_of(C),
            .backward_tolerances = {kElementwise, kElementwise}};
}

class RowDotTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(RowDotTest);

TEST(RowDotReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(row_dot_case(4, 7));
}

TEST_P(RowDotTest, AgreesWithTheReference) {
    for (const auto& [N, C] :
         std::vector<std::array<int64_t, 2>>{{1, 16}, {5, 17}, {16, 15}, {3, 48}, {33, 128}, {2, 1}, {65, 2048}}) {
        expect_agrees(row_dot_case(N, C), GetParam());
    }
}

TEST_P(RowDotTest, AgreesWithPyTorch) {
    expect_golden(row_dot_case(5, 7), GetParam(), GoldenPack("ops"), "row_dot", kGolden);
}

TEST_P(RowDotTest, NamesWhatIsWrong) {
    const Tensor a = Tensor::zeros({2, 3}, DType::f32, backend()), b = Tensor::zeros({3, 3}, DType::f32, backend());
    EXPECT_EQ(error_of([&] { row_dot(a, b); }), "row_dot: a and b must have the same shape (a 2x3 N,C; b 3x3 N,C)");
}

}  // namespace
}  // namespace moco
