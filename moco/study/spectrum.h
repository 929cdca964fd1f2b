// In how many directions features spread: the spectrum of their covariance.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace moco {

/// Eigenvalues of the covariance of `rows` (n x C, f32, n >= 1), largest first, as shares of their sum: C of them. All
/// zero where all rows are equal.
std::vector<double> covariance_spectrum(const Tensor& rows);

/// exp(entropy) of shares that sum to 1 (Roy and Vetterli, EUSIPCO 2007): 1 where all lies in one direction, C where it
/// is spread evenly over C; 0 where all shares are 0.
double effective_rank(const std::vector<double>& shares);

/// log of the mean of exp(-2 |x - y|^2) over all pairs of rows (n x C, unit length, n >= 2): Wang and Isola, ICML 2020.
/// 0 where all are equal; -4 + ... towards log(exp(-4)) = -4 where they spread evenly over a sphere of many dimensions.
double uniformity(const Tensor& rows);

/// Evenly spaced rows of n x C, at most `most` of them, in order.
Tensor evenly_spaced_rows(const Tensor& rows, int64_t most);

}  // namespace moco
