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

/// C x n: the transpose of the rows, without their mean.
Tensor centred_columns(const Tensor& rows) {
    const auto n = static_cast<size_t>(rows.dim(0)), C = static_cast<size_t>(rows.dim(1));
    const std::vector<float> x = rows.to_vector();
    std::vector<float> columns(x.size());
    for (size_t c = 0; c < C; ++c) {
        double mean = 0;
        for (size_t i = 0; i < n; ++i) mean += static_cast<double>(x[i * C + c]);
        mean /= static_cast<double>(n);
        for (size_t i = 0; i < n; ++i)
            columns[c * n + i] = static_cast<float>(static_cast<double>(x[i * C + c]) - mean);
    }
    return Tensor::from_host(columns, {rows.dim(1), rows.dim(0)}, rows.backend());
}

}  // namespace

Spectrum spectrum_of(const Tensor& rows) {
    check(rows.dim(0) >= 2, "spectrum: {} rows have no covariance, expected at least 2", rows.dim(0));
    const NoGrad nothing_learns;
    const Tensor columns = centred_columns(rows);
    const std::vector<float> scatter = matmul(columns, columns, Transpose::yes).to_vector();
    const auto C = static_cast<Eigen::Index>(rows.dim(1));
    const Eigen::MatrixXd covariance = Eigen::Map<const Eigen::MatrixXf>(scatter.data(), C, C).cast<double>();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance, Eigen::EigenvaluesOnly);
    check(solver.info() == Eigen::Success, "spectrum: the features are not finite");
    Spectrum s;
    double sum = 0;
    for (Eigen::Index i = C; i-- > 0;) {
        s.shares.push_back(std::max(solver.eigenvalues()[i], 0.0));  // rounding may put one below
        sum += s.shares.back();
    }
    // Equal rows leave rounding errors of their mean, which are no directions.
    if (sum <= 1e-12 * static_cast<double>(rows.dim(0))) return {};
    double entropy = 0, so_far = 0;
    for (double& share : s.shares) {
        share /= sum;
        if (share > 0) entropy -= share * std::log(share);
        s.for_90_percent += so_far < 0.9;
        so_far += share;
    }
    s.effective_rank = std::exp(entropy);
    return s;
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
