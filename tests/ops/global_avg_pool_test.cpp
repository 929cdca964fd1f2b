#include "ops/global_avg_pool.h"

#include <gmock/gmock.h>

#include "tests/reference/pooling.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase global_avg_pool_case(int64_t N, int64_t H, int64_t W, int64_t C) {
    return {.what = fmt::format("global_avg_pool of {}x{}x{}x{}", N, H, W, C),
            .inputs = {{"x", {N, H, W, C}}},
            .op = [](const std::vector<Tensor>& in) { return global_avg_pool(in[0]); },
            .forward = [=](const std::vector<Values>& in) { return reference::global_avg_pool(in[0], N, H * W, C); },
            .backward =
                [=](const std::vector<Values>&, const Values& dy) {
                    return std::vector<Values>{reference::global_avg_pool_backward(dy, N, H * W, C)};
                },
            .forward_tolerance = sum_of(H * W),
            .backward_tolerances = {kElementwise}};
}

class GlobalAvgPoolTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(GlobalAvgPoolTest);

TEST(GlobalAvgPoolReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(global_avg_pool_case(2, 3, 4, 5));
}

TEST_P(GlobalAvgPoolTest, AgreesWithTheReference) {
    for (const auto& [N, H, W, C] : std::vector<std::array<int64_t, 4>>{
             {2, 4, 4, 16}, {1, 7, 7, 48}, {3, 5, 3, 17}, {2, 1, 1, 15}, {4, 3, 7, 1}, {17, 2, 5, 3}}) {
        expect_agrees(global_avg_pool_case(N, H, W, C), GetParam());
        expect_agrees(in_bf16(global_avg_pool_case(N, H, W, C), {"x"}), GetParam());
    }
}

TEST_P(GlobalAvgPoolTest, AgreesWithPyTorch) {
    expect_golden(global_avg_pool_case(2, 7, 6, 5), GetParam(), GoldenPack("ops"), "global_avg_pool", kGolden);
}

TEST_P(GlobalAvgPoolTest, NamesWhatIsWrong) {
    const auto error = [&](const Shape& shape) {
        return error_of([&] { global_avg_pool(Tensor::zeros(shape, DType::f32, backend())); });
    };
    EXPECT_EQ(error({2, 0, 3, 4}), "global_avg_pool: x is empty (x 2x0x3x4 N,H,W,C)");
    EXPECT_EQ(error({2, 4}), "global_avg_pool: x has 2 dimensions, expected 4 (N,H,W,C; x is 2x4)");
}

}  // namespace
}  // namespace moco
