#include <cmath>

#include "tests/cuda/placed.h"

namespace moco::cuda::testing {
namespace {

class CudaCast : public OnDevice {};

void expect_cast(DType from, DType to) {
    for (const ElementCase& c : element_cases({from})) {
        SCOPED_TRACE(what(c));
        const std::vector<float> values = kept(from, formula_values(c.count, 1));
        Placed source(from, values, c.shift), target(to, c.count, c.shift);
        device().cast(from, source.data(), to, target.data(), c.count);
        EXPECT_EQ(target.host(), kept(to, values));
    }
}

TEST_F(CudaCast, FromF32ToBf16) {
    expect_cast(DType::f32, DType::bf16);
}

TEST_F(CudaCast, FromBf16ToF32IsExact) {
    expect_cast(DType::bf16, DType::f32);
}

TEST_F(CudaCast, ToTheSameTypeCopies) {
    expect_cast(DType::f32, DType::f32);
    expect_cast(DType::bf16, DType::bf16);
}

TEST_F(CudaCast, RoundsToTheNearestTiesToEven) {
    const float half = 0x1p-8f, little = 0x1p-20f;  // half of the last place of 1
    const std::vector<std::pair<float, float>> cases = {
        {1 + half, 1},
        {1 + half + little, 1 + 2 * half},
        {1 + half - little, 1},
        {1 + 3 * half, 1 + 4 * half},
        {-1 - half, -1},
        {-1 - 3 * half, -1 - 4 * half},
        {3.4e38f, INFINITY},
        {-3.4e38f, -INFINITY},
        {0x1.8p-133f, 0x1p-132f},  // denormal numbers are rounded, too, not made 0
        {-0.0f, -0.0f},
    };
    for (const auto& [value, expected] : cases) {
        Placed source(std::vector<float>{value}), target(DType::bf16, 1);
        device().cast(DType::f32, source.data(), DType::bf16, target.data(), 1);
        const float got = target.host()[0];
        EXPECT_EQ(got, expected) << value;
        EXPECT_EQ(std::signbit(got), std::signbit(expected)) << value;
    }
}

TEST_F(CudaCast, ANanStaysOne) {
    float narrow_nan;  // of its bits, bf16 keeps none that tell it from infinity
    const uint32_t bits = 0x7f800001;
    std::memcpy(&narrow_nan, &bits, sizeof bits);
    Placed source(std::vector<float>{NAN, narrow_nan, -NAN, INFINITY}), target(DType::bf16, 4), back(4);
    device().cast(DType::f32, source.data(), DType::bf16, target.data(), 4);
    device().cast(DType::bf16, target.data(), DType::f32, back.data(), 4);
    const std::vector<float> got = back.host();
    for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(got[i])) << i;
    EXPECT_EQ(got[3], INFINITY);
}

}  // namespace
}  // namespace moco::cuda::testing
