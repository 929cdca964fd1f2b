// Plain loops for the emulated cuBLAS and cuDNN. Sums are kept in double, where the real libraries keep them in f32:
// what a comparison finds wrong is then never the stand-in's rounding.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace moco::cuda::emulated {

/// How the products of f32 are formed. tf32: of factors rounded to 10 binary digits, as tensor cores take them.
enum class Products { f32, tf32 };

/// The sum of a[i] * b[i].
double dot(const float* a, const float* b, int64_t count);
/// sum[i] += factor * x[i].
void add_scaled(double factor, const float* x, double* sum, int64_t count);

/// `value` rounded to TF32's 10 binary digits, ties away from zero. Infinities and NaN stay.
float as_tf32(float value);

/// `count` elements as f32, rounded for `products`.
std::vector<float> floats_for(Products products, DType dtype, const void* elements, int64_t count);
/// target = alpha * sums + beta * target, rounded to `dtype`. With beta 0, target is not read.
void store(const std::vector<double>& sums, float alpha, float beta, DType dtype, void* target);

/// Fills a workspace with NaN patterns: whoever relies on what was there, or shares it with a tensor, sees it.
void scribble(void* workspace, size_t bytes);

/// Whether [a, a + a_bytes) and [b, b + b_bytes) have a byte in common.
bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes);

}  // namespace moco::cuda::emulated
