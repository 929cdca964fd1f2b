#include "ops/matmul.h"

#include <gmock/gmock.h>

#include "tests/reference/matrices.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase matmul_case(int64_t M, int64_t N, int64_t K, Transpose b) {
    const MatmulDims d = {.M = M, .N = N, .K = K, .b = b};
    return {.what = fmt::format("matmul of {}x{} with {}x{}{}", M, K, K, N, b == Transpose::yes ? ", transposed" : ""),
            .inputs = {{"a", {M, K}}, {"b", b == Transpose::yes ? Shape{N, K} : Shape{K, N}}},
            .op = [=](const std::vector<Tensor>& in) { return matmul(in[0], in[1], b); },
            .forward = [=](const std::vector<Values>& in) { return reference::matmul(d, in[0], in[1]); },
            .backward =
                [=](const std::vector<Values>& in, const Values& dy) {
                    auto [da, db] = reference::matmul_backward(d, in[0], in[1], dy);
                    return std::vector<Values>{da, db};
                },
            .forward_tolerance = sum_of(K),
            .backward_tolerances = {sum_of(N), sum_of(M)}};
}

class MatmulTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(MatmulTest);

TEST(MatmulReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(matmul_case(3, 4, 5, Transpose::no));
    expect_difference_quotients(matmul_case(5, 2, 3, Transpose::yes));
}

TEST_P(MatmulTest, AgreesWithTheReference) {
    for (const Transpose b : {Transpose::no, Transpose::yes}) {
        // M, N, K
        for (const auto& [M, N, K] : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                                         {1, 17, 3},
                                                                         {3, 1, 48},
                                                                         {14, 32, 64},
                                                                         {13, 31, 63},
                                                                         {15, 33, 65},
                                                                         {16, 16, 16},
                                                                         {28, 64, 17},
                                                                         {2, 300, 5},
                                                                         {70, 5, 300},
                                                                         {5, 65, 513},
                                                                         {64, 128, 128}}) {
            expect_agrees(matmul_case(M, N, K, b), GetParam());
        }
    }
}

TEST_P(MatmulTest, AgreesWithPyTorch) {
    const GoldenPack pack("ops");
    expect_golden(matmul_case(5, 7, 6, Transpose::no), GetParam(), pack, "matmul", kGolden);
    expect_golden(matmul_case(5, 7, 6, Transpose::yes), GetParam(), pack, "matmul_transposed", kGolden);
}

TEST_P(MatmulTest, NamesWhatIsWrong) {
    const auto error = [&](const Shape& a, const Shape& b, Transpose transpose_b = Transpose::no) {
        const Tensor left = Tensor::zeros(a, DType::f32, backend()), right = Tensor::zeros(b, DType::f32, backend());
        return error_of([&] { matmul(left, right, transpose_b); });
    };
    EXPECT_EQ(error({2, 3}, {4, 5}), "matmul: a has 3 columns, b has 4 rows (a 2x3 M,K; b 4x5 K,N)");
    EXPECT_EQ(error({2, 3}, {4, 5}, Transpose::yes), "matmul: a has 3 columns, b^T has 5 rows (a 2x3 M,K; b 4x5 N,K)");
    EXPECT_EQ(error({2}, {4, 5}), "matmul: a has 1 dimensions, expected 2 (M,K; a is 2)");
}

}  // namespace
}  // namespace moco
