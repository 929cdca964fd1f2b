#include "ops/scale.h"

#include <gmock/gmock.h>

#include "tests/reference/elementwise.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase scale_case(const Shape& shape, float factor) {
    return {.what = fmt::format("scale of {} by {}", shape, factor),
            .inputs = {{"x", shape}},
            .op = [=](const std::vector<Tensor>& in) { return scale(in[0], factor); },
            .forward = [=](const std::vector<Values>& in) { return reference::scale(in[0], factor); },
            .backward = [=](const std::vector<Values>&,
                            const Values& dy) { return std::vector<Values>{reference::scale(dy, factor)}; },
            .forward_tolerance = kElementwise,
            .backward_tolerances = {kElementwise}};
}

class ScaleTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(ScaleTest);

TEST(ScaleReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(scale_case({3, 7}, -2.5f));
}

TEST_P(ScaleTest, AgreesWithTheReference) {
    for (const float factor : {1 / 0.07f, -0.3f, 0.0f}) {
        for (const Shape& shape : {Shape{}, Shape{15}, Shape{16}, Shape{17}, Shape{33, 65}}) {
            expect_agrees(scale_case(shape, factor), GetParam());
        }
    }
}

TEST_P(ScaleTest, AgreesWithPyTorch) {
    expect_golden(scale_case({4, 9}, 1 / 0.07f), GetParam(), GoldenPack("ops"), "scale", kGolden);
}

TEST_P(ScaleTest, NamesWhatIsWrong) {
    EXPECT_EQ(error_of([&] { scale(Tensor::zeros({2}, DType::u8, backend()), 2); }), "scale: x is u8, expected f32");
}

}  // namespace
}  // namespace moco
