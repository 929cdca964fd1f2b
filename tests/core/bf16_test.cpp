// Rounding to bf16 and back.
#include "core/bf16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/bits.h"

namespace moco {
namespace {

TEST(Bf16, EveryPatternSurvives) {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
        const auto pattern = static_cast<uint16_t>(bits);
        const float value = bf16_to_float(pattern);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(value))));
        } else {
            EXPECT_EQ(float_to_bf16(value), pattern);
        }
    }
}

TEST(Bf16, RoundsToNearestTiesToEven) {
    EXPECT_EQ(bf16_to_float(0x3f80), 1.0f);
    EXPECT_EQ(float_to_bf16(1.0f + 0x1p-8f), 0x3f80) << "a tie, to the even one below";
    EXPECT_EQ(float_to_bf16(1.0f + 0x1.8p-7f), 0x3f82) << "a tie, to the even one above";
    EXPECT_EQ(float_to_bf16(1.0f + 0x1p-8f + 0x1p-23f), 0x3f81) << "just above a tie";
    EXPECT_EQ(float_to_bf16(-1.0f - 0x1.8p-8f), 0xbf81);
    EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7f80) << "beyond the largest: infinity";
    EXPECT_EQ(float_to_bf16(0x1p-133f), 0x0001) << "the smallest";
}

TEST(Bf16, NanStaysNan) {
    // The payload's upper bits are zero: truncation alone would make it infinity.
    const float signalling = bit_cast<float>(uint32_t{0x7f800001});
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(signalling))));
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(NAN))));
    EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(bit_cast<float>(uint32_t{0xffffffff})))));
}

}  // namespace
}  // namespace moco
