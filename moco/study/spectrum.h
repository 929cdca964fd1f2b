// In how many directions features spread.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace moco {

struct Spectrum {
    std::vector<double> shares;  // eigenvalues of the covariance, largest first, divided by their sum
    // exp of the shares' entropy (Roy and Vetterli, EUSIPCO 2007): C if all are equal, 1 if one is all
    double effective_rank = 0;
    int64_t for_90_percent = 0;  // how many of the largest make 90 % of the variance
};

/// Of rows n x C, f32, n >= 2. Features that do not vary have no shares and rank 0. Throws Error where a number is not
/// finite.
Spectrum spectrum_of(const Tensor& rows);

/// log of the mean of exp(-2 |x - y|^2) over all pairs of rows (n x C, unit length, n >= 2): Wang and Isola, ICML 2020.
/// 0 where all are equal; near -4 where they spread evenly over a sphere of many dimensions.
double uniformity(const Tensor& rows);

/// Evenly spaced rows of n x C, at most `most` of them, in order.
Tensor evenly_spaced_rows(const Tensor& rows, int64_t most);

}  // namespace moco
