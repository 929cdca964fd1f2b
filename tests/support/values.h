// Inputs that both sides of a comparison can compute, and the one way errors are measured.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"

namespace moco::testing {

/// `count` values by a formula that tests/golden/formula.py computes too: a 32-bit integer hash of (index, salt),
/// mapped to [-1, 1) in steps of 2^-23, so f32 holds them exactly.
std::vector<float> formula_values(int64_t count, uint32_t salt);
/// The same as a tensor on `backend`, times `factor`.
Tensor formula_tensor(const Shape& shape, uint32_t salt, Backend& backend, float factor = 1.0f);

/// max |got - expected| / RMS(expected); an all-zero expectation compares absolutely. Not finite if a value is not.
double error_over_rms(const std::vector<float>& got, const std::vector<double>& expected);
double error_over_rms(const std::vector<float>& got, const std::vector<float>& expected);

}  // namespace moco::testing
