// float16: every one of its numbers, and rounding between them.
#include "nn/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace moco::testing {
namespace {

TEST(Half, EveryNumberComesBack) {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        const float value = half_to_float(static_cast<uint16_t>(bits));
        const uint16_t back = float_to_half(value);
        if (std::isnan(value)) {
            EXPECT_TRUE(std::isnan(half_to_float(back))) << bits;
        } else {
            EXPECT_EQ(back, bits);
        }
    }
}

TEST(Half, RoundsToNearestTiesToEven) {
    for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
        const float low = half_to_float(static_cast<uint16_t>(bits)),
                    high = half_to_float(static_cast<uint16_t>(bits + 1));
        const float middle = (low + high) / 2;  // exact
        EXPECT_EQ(float_to_half(middle), bits % 2 == 0 ? bits : bits + 1) << middle;
        EXPECT_EQ(float_to_half(std::nextafter(middle, low)), bits) << middle;
        EXPECT_EQ(float_to_half(std::nextafter(middle, high)), bits + 1) << middle;
    }
    EXPECT_EQ(float_to_half(65519.99f), 0x7bff);
    EXPECT_EQ(float_to_half(65520), 0x7c00);
    EXPECT_EQ(float_to_half(-std::numeric_limits<float>::max()), 0xfc00);
    EXPECT_EQ(float_to_half(1e-30f), 0);
}

}  // namespace
}  // namespace moco::testing
