// Elements of activations, f32 or bf16, as kernels read and write them: f32 in registers.
#pragma once

#include "core/dtype.h"
#include "cuda/kernel.h"

namespace moco::cuda {

/// The bits of a bf16 number: a type of its own, so that templates tell it from other 16-bit numbers.
struct Bf16 {
    uint16_t bits;
};

DEVICE float to_float(float value) {
    return value;
}

DEVICE float to_float(Bf16 value) {
    return __uint_as_float(uint32_t{value.bits} << 16);
}

template <typename E>
DEVICE E from_float(float value);

template <>
DEVICE float from_float<float>(float value) {
    return value;
}

/// Rounds to nearest, ties to even. A NaN stays one.
template <>
DEVICE Bf16 from_float<Bf16>(float value) {
    const uint32_t bits = __float_as_uint(value);
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    return {static_cast<uint16_t>((nan ? bits | 0x400000u : rounded) >> 16)};
}

/// Calls f(E{}) with the element type of `dtype`, f32 or bf16. Host.
template <typename F>
void with_element_type(DType dtype, F f) {
    if (dtype == DType::bf16)
        f(Bf16{});
    else
        f(float{});
}

}  // namespace moco::cuda
