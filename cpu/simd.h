// Highway, with this project's choice of targets: one baseline for any machine, AVX2, AVX-512 (AVX3); NEON on Arm;
// WebAssembly's SIMD128 where the compiler may use it.
//
// A kernel file starts so:
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "cpu/relu.cpp"  // this file
//   #include "cpu/simd.h"
// then HWY_BEFORE_NAMESPACE(); namespace moco::cpu::HWY_NAMESPACE { kernels } HWY_AFTER_NAMESPACE(); and, once
// (#if HWY_ONCE), HWY_EXPORT of the kernels and the backend's members that call them. It is compiled once a target.
// No include guard around the last two lines: both headers guard themselves and must be seen again for each target.
#ifndef MOCO_CPU_SIMD_H
#define MOCO_CPU_SIMD_H
#ifdef HWY_DISABLED_TARGETS
#error "include cpu/simd.h before any header of Highway"
#endif
// x86-64: HWY_SCALAR is the baseline (the compiler's own SSE2); SSSE3 and SSE4 would cost compile time for machines
// older than 2013. Arm: SVE's vectors have no size at compile time, so they cannot stand in arrays of accumulators.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
// That baseline with every compiler: with clang Highway would rather emulate vectors of four in plain loops.
#define HWY_BROKEN_EMU128 1
#endif  // MOCO_CPU_SIMD_H

#include "hwy/foreach_target.h"
// (after foreach_target.h)
#include "hwy/highway.h"
