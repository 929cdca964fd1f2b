#include "nn/half.h"

#include "core/bits.h"

namespace moco {

float half_to_float(uint16_t bits) {
    const uint32_t sign = (bits & 0x8000u) << 16, exponent = (bits >> 10) & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return bit_cast<float>(sign | wide << 23 | fraction << 13);
}

uint16_t float_to_half(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and more
    // Normal numbers keep 10 bits of their fraction; below 2^-14 the spacing is 2^-24 throughout.
    uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u, shift = 13;
    const uint32_t exponent = magnitude >> 23;
    const bool subnormal = exponent < 113;
    if (subnormal) shift = 126 - exponent;
    if (shift > 24) return static_cast<uint16_t>(sign);
    const uint32_t half = 1u << (shift - 1), below = mantissa & ((1u << shift) - 1);
    mantissa >>= shift;
    if (below > half || (below == half && (mantissa & 1) != 0)) ++mantissa;
    const uint32_t place = subnormal ? 0 : (exponent - 113) << 10;  // the leading one adds 1 to the exponent
    return static_cast<uint16_t>(sign | (place + mantissa));
}

}  // namespace moco
