// How far f32 results may lie from the double reference, and why. Every bound is for max |error| / RMS of the expected
// values (error_over_rms), and is stated in units of the rounding error.
//
// Inputs are uniform in [-1, 1) or so. A result of one rounding of size |y| errs by at most kEpsilon |y|; the largest
// of the compared |y| is below 8 RMS. A sum of n products rounds n times at the size of the partial sums, which grows
// as sqrt(n) as the result does: the errors add up as a random walk to kEpsilon sqrt(n / 2) RMS for one result. The
// largest of up to 10^5 results lies below 5 standard deviations; one more factor covers the rounding of the products.
#pragma once

#include <cmath>
#include <cstdint>

namespace moco::testing {

/// The largest relative error of one rounding to f32.
inline constexpr double kEpsilon = 0x1p-24;

/// The same of one rounding to bf16, which keeps 8 binary digits.
inline constexpr double kBf16Epsilon = 0x1p-8;

/// What writing a result as bf16 adds to the bound of its f32 arithmetic: one rounding, of values below 8 RMS.
inline constexpr double kStoredAsBf16 = 8 * kBf16Epsilon;

/// Bits are copied or chosen: max-pool, concatenation, gathering, ReLU.
inline constexpr double kExact = 0;

/// Two roundings or so for each element: addition, scaling.
inline constexpr double kElementwise = 16 * kEpsilon;

/// Every result is a sum of `n` products of f32, in any order.
inline double sum_of(int64_t n) {
    return (16 + 5 * std::sqrt(static_cast<double>(n))) * kEpsilon;
}

/// Golden values of the ops: what the project promises against PyTorch.
inline constexpr double kGolden = 1e-5;

/// Central differences in double with step 1e-5: the third derivative's term is below 1e-8, the rounding of the values
/// about 1e-11.
inline constexpr double kDifferences = 1e-6;

}  // namespace moco::testing
