// Arithmetic with vectors of doubles, which Highway 1.0.3 lacks on WebAssembly, in its own words. Included by
// cpu/simd-inl.h for that target; there is never a second one beside it.
#pragma once

#include <hwy/highway.h>

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace hwy::HWY_NAMESPACE {

template <size_t N>
HWY_API Vec128<double, N> Set(Simd<double, N, 0>, double value) {
    return {wasm_f64x2_splat(value)};
}

template <size_t N>
HWY_API Vec128<double, N> operator+(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_add(a.raw, b.raw)};
}
template <size_t N>
HWY_API Vec128<double, N> operator-(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_sub(a.raw, b.raw)};
}
template <size_t N>
HWY_API Vec128<double, N> operator*(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_mul(a.raw, b.raw)};
}
template <size_t N>
HWY_API Vec128<double, N> operator/(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_div(a.raw, b.raw)};
}
template <size_t N>  // Highway's Lt and Gt name it
HWY_API Mask128<double, N> operator==(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_eq(a.raw, b.raw)};
}
template <size_t N>
HWY_API Mask128<double, N> operator>(Vec128<double, N> a, Vec128<double, N> b) {
    return {wasm_f64x2_gt(a.raw, b.raw)};
}

template <size_t N>
HWY_API Vec128<double, N> MulAdd(Vec128<double, N> mul, Vec128<double, N> x, Vec128<double, N> add) {
    return mul * x + add;
}
template <size_t N>
HWY_API Vec128<double, N> NegMulAdd(Vec128<double, N> mul, Vec128<double, N> x, Vec128<double, N> add) {
    return add - mul * x;
}
template <size_t N>
HWY_API Vec128<double, N> Sqrt(Vec128<double, N> v) {
    return {wasm_f64x2_sqrt(v.raw)};
}

template <size_t N>
HWY_API Vec128<double, N> PromoteTo(Simd<double, N, 0>, Vec128<float, N> v) {
    return {wasm_f64x2_promote_low_f32x4(v.raw)};
}
template <size_t N>
HWY_API Vec128<float, N> DemoteTo(Simd<float, N, 0>, Vec128<double, N> v) {
    return {wasm_f32x4_demote_f64x2_zero(v.raw)};
}

}  // namespace hwy::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
