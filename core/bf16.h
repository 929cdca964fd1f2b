// bfloat16: the upper half of an f32. It has no C++ type of its own here; its bits travel as uint16_t.
#pragma once

#include <cstdint>

#include "core/bits.h"

namespace moco {

/// Exact.
inline float bf16_to_float(uint16_t bits) {
    return bit_cast<float>(uint32_t{bits} << 16);
}

/// Rounds to nearest, ties to even. A NaN stays one.
inline uint16_t float_to_bf16(float value) {
    const uint32_t bits = bit_cast<uint32_t>(value);
    const uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    const bool nan = (bits & 0x7fffffff) > 0x7f800000;
    return static_cast<uint16_t>((nan ? bits | 0x400000 : rounded) >> 16);
}

}  // namespace moco
