#include "ops/max_pool.h"

#include <gmock/gmock.h>

#include "core/dims.h"
#include "tests/reference/pooling.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase max_pool_case(const PoolDims& d) {
    return {
        .what = fmt::format("max_pool of {}x{}x{}x{} by {}, stride {}, pad {}", d.N, d.H, d.W, d.C, d.kernel, d.stride,
                            d.pad),
        .inputs = {{"x", {d.N, d.H, d.W, d.C}}},
        .op =
            [=](const std::vector<Tensor>& in) {
                return max_pool(in[0], {d.kernel, d.stride, d.pad});
            },
        .forward = [=](const std::vector<Values>& in) { return reference::max_pool(d, in[0]); },
        .backward = [=](const std::vector<Values>& in,
                        const Values& dy) { return std::vector<Values>{reference::max_pool_backward(d, in[0], dy)}; },
        .forward_tolerance = kExact,
        // A maximum of several windows gets the sum of their gradients.
        .backward_tolerances = {sum_of(d.kernel * d.kernel)}};
}

class MaxPoolTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(MaxPoolTest);

TEST(MaxPoolReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(max_pool_case({2, 5, 4, 3, 3, 2, 1}));
    expect_difference_quotients(max_pool_case({1, 4, 6, 2, 2, 2, 0}));
}

TEST_P(MaxPoolTest, AgreesWithTheReference) {
    // N, H, W, C, kernel, stride, pad
    for (const PoolDims& d : std::vector<PoolDims>{{2, 8, 6, 16, 3, 2, 1},
                                                   {1, 7, 9, 17, 3, 2, 1},
                                                   {3, 1, 1, 3, 3, 2, 1},
                                                   {2, 5, 4, 48, 2, 2, 0},
                                                   {1, 6, 7, 1, 3, 1, 1},
                                                   {1, 16, 17, 2, 16, 1, 8},
                                                   {2, 4, 5, 15, 1, 1, 0},
                                                   {1, 9, 7, 33, 2, 3, 1}}) {
        expect_agrees(max_pool_case(d), GetParam());
        expect_agrees(in_bf16(max_pool_case(d), {"x"}), GetParam());
    }
}

TEST_P(MaxPoolTest, AgreesWithPyTorch) {
    expect_golden(max_pool_case({2, 7, 6, 5, 3, 2, 1}), GetParam(), GoldenPack("ops"), "max_pool", kGolden);
}

TEST_P(MaxPoolTest, TheFirstOfEqualMaximaGetsTheGradientAsInPyTorch) {
    // After a ReLU whole windows are zero. The golden case quantises x to five values.
    const GoldenPack pack("ops");
    const NpyArray quantised = pack["max_pool_ties.x"];
    Tensor x = Tensor::from_host(quantised.as_float(), {2, 7, 6, 5}, backend());
    x.set_requires_grad(true);
    const Tensor y = max_pool(x, {.kernel = 3, .stride = 2, .pad = 1});
    EXPECT_EQ(y.to_vector(), pack["max_pool_ties.y"].as_float());
    weighted_sum(y, formula_dy(y.count())).backward();
    const std::vector<float> dx = x.grad().to_vector(), expected = pack["max_pool_ties.dx"].as_float();
    for (size_t i = 0; i < dx.size(); ++i) ASSERT_NEAR(dx[i], expected[i], 1e-6) << "element " << i;
}

TEST_P(MaxPoolTest, PaddingIsLessThanAnyNumber) {
    const Tensor x = Tensor::full({1, 2, 2, 1}, -1e30f, backend());
    EXPECT_THAT(max_pool(x, {.kernel = 3, .stride = 2, .pad = 1}).to_vector(), ::testing::ElementsAre(-1e30f));
}

TEST_P(MaxPoolTest, NamesWhatIsWrong) {
    const Tensor x = Tensor::zeros({1, 4, 5, 2}, DType::f32, backend());
    const auto error = [&](PoolOptions options) { return error_of([&] { max_pool(x, options); }); };
    EXPECT_EQ(error({.kernel = 17}), "max_pool: kernel 17, expected 1 to 16");
    EXPECT_EQ(error({.kernel = 3, .stride = 0}), "max_pool: stride 0, expected at least 1");
    EXPECT_EQ(error({.kernel = 3, .stride = 1, .pad = 2}),
              "max_pool: pad 2 with kernel 3, expected 0 to half the kernel");
    EXPECT_EQ(error({.kernel = 5}),
              "max_pool: the window 5x5 is larger than x padded by 0 (x 1x4x5x2 N,H,W,C); use larger images or a "
              "smaller window");
    EXPECT_EQ(error_of([&] {
                  max_pool(Tensor::zeros({4, 5}, DType::f32, backend()), {});
              }),
              "max_pool: x has 2 dimensions, expected 4 (N,H,W,C; x is 4x5)");
}

}  // namespace
}  // namespace moco
