#include "ops/add.h"

#include <gmock/gmock.h>

#include "cpu/cpu_backend.h"
#include "tests/reference/elementwise.h"
#include "tests/support/op_case.h"
#include "tests/support/tolerances.h"

namespace moco {
namespace {

using namespace testing;

OpCase add_case(const Shape& shape) {
    return {.what = fmt::format("add of {}", shape),
            .inputs = {{"a", shape}, {"b", shape}},
            .op = [](const std::vector<Tensor>& in) { return add(in[0], in[1]); },
            .forward = [](const std::vector<Values>& in) { return reference::add(in[0], in[1]); },
            .backward =
                [](const std::vector<Values>&, const Values& dy) {
                    return std::vector<Values>{dy, dy};
                },
            .forward_tolerance = kElementwise,
            .backward_tolerances = {kExact, kExact}};
}

class AddTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(AddTest);

TEST(AddReference, GradientIsTheDifferenceQuotient) {
    expect_difference_quotients(add_case({3, 7}));
}

TEST_P(AddTest, AgreesWithTheReference) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{15}, Shape{16}, Shape{17}, Shape{2, 5, 7, 48},
                               Shape{3, 3, 5, 1}, Shape{1, 65, 63, 17}}) {
        expect_agrees(add_case(shape), GetParam());
        expect_agrees(in_bf16(add_case(shape), {"a", "b"}), GetParam());
    }
}

TEST_P(AddTest, AgreesWithPyTorch) {
    expect_golden(add_case({2, 3, 5, 7}), GetParam(), GoldenPack("ops"), "add", kGolden);
}

TEST_P(AddTest, NamesWhatIsWrong) {
    const Tensor a = Tensor::zeros({2, 3}, DType::f32, backend()), b = Tensor::zeros({3, 2}, DType::f32, backend());
    EXPECT_EQ(error_of([&] { add(a, b); }), "add: a and b must have the same shape (a 2x3; b 3x2)");
    EXPECT_EQ(error_of([&] {
                  add(a, Tensor::zeros({2, 3}, DType::bf16, backend()));
              }),
              "add: a is f32, b is bf16; cast one so that both have one type");
    EXPECT_EQ(error_of([&] { add(a, Tensor()); }), "add: b is undefined, expected an f32 tensor");
    const std::unique_ptr<Backend> elsewhere = make_cpu_backend();
    EXPECT_EQ(error_of([&] {
                  add(a, Tensor::zeros({2, 3}, DType::f32, *elsewhere));
              }),
              fmt::format("add: b is on cpu, a on {}; copy one so that both are on one device", backend().name()));
}

}  // namespace
}  // namespace moco
