#include "ops/cast.h"

#include <gmock/gmock.h>

#include <cmath>

#include "core/bf16.h"
#include "core/bits.h"
#include "tests/support/op_case.h"
#include "tests/support/values.h"

namespace moco {
namespace {

using namespace testing;

class CastTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(CastTest);

std::vector<float> rounded(std::vector<float> values) {
    for (float& value : values) value = bf16_to_float(float_to_bf16(value));
    return values;
}

TEST_P(CastTest, RoundsToTheNearestAndBackIsExact) {
    for (const int64_t count : {1, 3, 15, 16, 17, 33, 70'001}) {
        const std::vector<float> values = formula_values(count, 1);
        const Tensor narrow = cast(Tensor::from_host(values, {count}, backend()), DType::bf16);
        EXPECT_EQ(narrow.dtype(), DType::bf16);
        EXPECT_EQ(cast(narrow, DType::f32).to_vector(), rounded(values));
    }
}

TEST_P(CastTest, RoundsAtTheEdges) {
    // Ties go to the even neighbour; half a place beyond the largest bf16 is infinite; denormal values stay.
    const std::vector<float> values = {1 + 0x1p-8f, 1 + 0x3p-8f, -1 - 0x1p-8f, 0x1.fffffep127f, -0x1.ffp127f,
                                       INFINITY,    -INFINITY,   0x1p-130f,    -0.0f,           1 + 0x1.02p-8f};
    const std::vector<float> expected = {1,        1 + 0x1p-6f, -1,        INFINITY, -INFINITY,
                                         INFINITY, -INFINITY,   0x1p-130f, -0.0f,    1 + 0x1p-7f};
    const Tensor x = Tensor::from_host(values, {10}, backend());
    EXPECT_EQ(cast(cast(x, DType::bf16), DType::f32).to_vector(), expected);
    for (const uint32_t bits : {0x7f800001u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
        const Tensor nan = Tensor::from_host<float>({bit_cast<float>(bits)}, {1}, backend());
        EXPECT_TRUE(std::isnan(cast(cast(nan, DType::bf16), DType::f32).item()));
    }
}

TEST_P(CastTest, AGradientHasTheTypeOfItsTensor) {
    const std::vector<float> dy = formula_dy(3), values = formula_values(3, 1);
    Tensor x = Tensor::from_host(values, {3}, backend());
    x.set_requires_grad(true);
    weighted_sum(cast(cast(x, DType::bf16), DType::f32), dy).backward();
    EXPECT_EQ(x.grad().dtype(), DType::f32);
    EXPECT_EQ(x.grad().to_vector(), rounded(dy));

    // Two backwards: the first gives the leaf its gradient, the second adds to it.
    Tensor narrow = cast(x.detached(), DType::bf16).detached();
    narrow.set_requires_grad(true);
    for (int pass = 0; pass < 2; ++pass) weighted_sum(cast(narrow, DType::f32), dy).backward();
    EXPECT_EQ(narrow.grad().dtype(), DType::bf16);
    std::vector<float> twice = rounded(dy);
    for (float& value : twice) value *= 2;
    EXPECT_EQ(floats_of(narrow.grad()), twice);
}

TEST_P(CastTest, NamesWhatIsWrong) {
    const Tensor x = Tensor::zeros({2}, DType::f32, backend());
    EXPECT_EQ(error_of([&] { cast(x, DType::u8); }), "cast: the result is to be u8, expected f32 or bf16");
    EXPECT_EQ(error_of([&] { cast(Tensor::zeros({2}, DType::i64, backend()), DType::f32); }),
              "cast: x is i64, expected f32 or bf16");
}

}  // namespace
}  // namespace moco
