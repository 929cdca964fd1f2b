// The sums over rows are products on the device; the eigenvalues are Eigen's.
#include "moco/study/spectrum.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/gather_rows.h"
#include "ops/matmul.h"

namespace moco {
namespace {

/// rows minus their mean, C x n.
Tensor centred_columns(const Tensor& rows) {
    const int64_t n = rows.dim(0), C = rows.dim(1);
    const std::vector<float> values = rows.to_vector();
    std::vector<float> columns(values.size());
    for (int64_t c = 0; c < C; ++c) {
        double mean = 0;
        for (int64_t i = 0; i < n; ++i) mean += values[static_cast<size_t>(i * C + c)];
        mean /= static_cast<double>(n);
        for (int64_t i = 0; i < n; ++i) {
            const double value = values[static_cast<size_t>(i * C + c)];
            columns[static_cast<size_t>(c * n + i)] = static_cast<float>(value - mean);
        }
    }
    return Tensor::from_host(columns, {C, n}, rows.backend());
}

}  // namespace

std::vector<double> covariance_spectrum(const Tensor& rows) {
    check(rows.shape().rank() == 2 && rows.dim(0) >= 1, "covariance_spectrum: rows of shape {}, expected n x C",
          rows.shape());
    const NoGrad no_gradient;
    const Tensor columns = centred_columns(rows);
    const std::vector<float> covariance = matmul(columns, columns, Transpose::yes).to_vector();
    const auto C = static_cast<Eigen::Index>(rows.dim(1));
    const Eigen::Map<const Eigen::MatrixXf> matrix(covariance.data(), C, C);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix.cast<double>(), Eigen::EigenvaluesOnly);
    std::vector<double> shares;
    double sum = 0;
    for (Eigen::Index i = C; i-- > 0;) {
        shares.push_back(std::max(0.0, solver.eigenvalues()[i]));
        sum += shares.back();
    }
    // Equal rows leave rounding errors of their mean, which are no directions.
    const double noise = 1e-12 * static_cast<double>(rows.dim(0));
    for (double& share : shares) share = sum > noise ? share / sum : 0;
    return shares;
}

double effective_rank(const std::vector<double>& shares) {
    double entropy = 0, sum = 0;
    for (const double share : shares) {
        if (share > 0) entropy -= share * std::log(share);
        sum += share;
    }
    return sum > 0 ? std::exp(entropy) : 0;
}

double uniformity(const Tensor& rows) {
    const int64_t n = rows.dim(0);
    check(n >= 2, "uniformity: {} rows, expected at least 2", n);
    const NoGrad no_gradient;
    const std::vector<float> cosines = matmul(rows, rows, Transpose::yes).to_vector();
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < i; ++j) sum += std::exp(4.0 * (cosines[static_cast<size_t>(i * n + j)] - 1.0));
    }
    return std::log(sum / (0.5 * static_cast<double>(n) * static_cast<double>(n - 1)));
}

Tensor evenly_spaced_rows(const Tensor& rows, int64_t most) {
    const int64_t n = rows.dim(0);
    if (n <= most) return rows;
    std::vector<int64_t> index;
    for (int64_t i = 0; i < most; ++i) index.push_back(i * n / most);
    const NoGrad no_gradient;
    return gather_rows(rows, Tensor::from_host(index, {most}, rows.backend()));
}

}  // namespace moco
