// What CUDA offers to kernels beyond C++: exchanges within a warp, atomics, bit casts, mathematics, vectors.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda/emulated/block.h"
#include "cuda/emulated/race.h"

namespace moco::cuda::emulated {

template <typename T>
T exchange_value(Site& site, unsigned mask, T value, int source_lane) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t), "a shuffle takes 8 bytes at most");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = exchange(site, mask, bits, source_lane);
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

inline int section_of(int width) {
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
        kernel_fault("the width of a shuffle is not a power of two up to 32");
    return lane() & ~(width - 1);
}

template <typename T>
T shuffle(Site& site, unsigned mask, T value, int source, int width = 32) {
    return exchange_value(site, mask, value, section_of(width) + (source & (width - 1)));
}

template <typename T>
T shuffle_xor(Site& site, unsigned mask, T value, int lane_mask, int width = 32) {
    const int source = lane() ^ lane_mask;
    return exchange_value(site, mask, value, source < section_of(width) + width ? source : lane());
}

template <typename T>
T shuffle_up(Site& site, unsigned mask, T value, unsigned delta, int width = 32) {
    const int source = lane() - static_cast<int>(delta);
    return exchange_value(site, mask, value, source >= section_of(width) ? source : lane());
}

template <typename T>
T shuffle_down(Site& site, unsigned mask, T value, unsigned delta, int width = 32) {
    const int source = lane() + static_cast<int>(delta);
    return exchange_value(site, mask, value, source < section_of(width) + width ? source : lane());
}

template <typename T, typename F>
T atomically(T* target, F f) {
    maybe_yield();
    begin_atomic(target, sizeof(T));
    const T before = *target;
    *target = f(before);
    end_atomic();
    return before;
}

}  // namespace moco::cuda::emulated

namespace moco::cuda {

// ---- atomics (integers: sums of floats would depend on their order) ----

template <typename T>
T atomicAdd(T* target, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "an atomic sum of floats depends on the order of threads");
    return emulated::atomically(target, [=](T before) { return static_cast<T>(before + value); });
}
template <typename T>
T atomicMax(T* target, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T before) { return before < value ? value : before; });
}
template <typename T>
T atomicMin(T* target, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T before) { return value < before ? value : before; });
}
template <typename T>
T atomicExch(T* target, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T) { return value; });
}
template <typename T>
T atomicCAS(T* target, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T before) { return before == expected ? value : before; });
}
template <typename T>
T atomicOr(T* target, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T before) { return before | value; });
}
template <typename T>
T atomicAnd(T* target, std::type_identity_t<T> value) {
    return emulated::atomically(target, [=](T before) { return before & value; });
}
/// To 0 behind `last`.
inline unsigned atomicInc(unsigned* target, unsigned last) {
    return emulated::atomically(target, [=](unsigned before) { return before >= last ? 0 : before + 1; });
}
inline void __threadfence() {}
inline void __threadfence_block() {}

// ---- bits ----

inline unsigned __float_as_uint(float value) {
    return std::bit_cast<unsigned>(value);
}
inline int __float_as_int(float value) {
    return std::bit_cast<int>(value);
}
inline float __uint_as_float(unsigned bits) {
    return std::bit_cast<float>(bits);
}
inline float __int_as_float(int bits) {
    return std::bit_cast<float>(bits);
}
inline int __popc(unsigned value) {
    return std::popcount(value);
}
inline int __clz(int value) {
    return std::countl_zero(static_cast<unsigned>(value));
}
inline int __ffs(int value) {
    return value ? std::countr_zero(static_cast<unsigned>(value)) + 1 : 0;
}
template <typename T>
T __ldg(const T* source) {
    return *source;
}

// ---- mathematics: <cmath> has the rest ----

template <typename T>
constexpr T min(T a, T b) {
    return b < a ? b : a;
}
template <typename T>
constexpr T max(T a, T b) {
    return a < b ? b : a;
}
inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}
inline float __expf(float x) {
    return std::exp(x);
}
inline float __logf(float x) {
    return std::log(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float __frcp_rn(float x) {
    return 1.0f / x;
}
inline float __fsqrt_rn(float x) {
    return std::sqrt(x);
}
inline float __fadd_rn(float x, float y) {
    return x + y;
}
inline float __fsub_rn(float x, float y) {
    return x - y;
}
inline float __fmul_rn(float x, float y) {
    return x * y;
}
inline float __fdiv_rn(float x, float y) {
    return x / y;
}
inline float __fmaf_rn(float x, float y, float z) {
    return std::fma(x, y, z);
}
inline int __float2int_rn(float x) {
    return static_cast<int>(std::nearbyint(x));
}
inline int __float2int_rd(float x) {
    return static_cast<int>(std::floor(x));
}

// ---- vectors ----

inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline int2 make_int2(int x, int y) {
    return {x, y};
}
inline int4 make_int4(int x, int y, int z, int w) {
    return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

}  // namespace moco::cuda
