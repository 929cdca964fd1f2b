// float16 (IEEE 754 binary16), which occurs in files only. Its bits travel as uint16_t.
#pragma once

#include <cstdint>

namespace moco {

/// Exact.
float half_to_float(uint16_t bits);

/// Rounds to nearest, ties to even; beyond 65504 it becomes an infinity. A NaN stays one.
uint16_t float_to_half(float value);

}  // namespace moco
