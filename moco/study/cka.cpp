#include "moco/study/cka.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace moco {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Writes the U-centred Gram matrix's entries above the diagonal to `out`: it is symmetric, and zero on it.
void u_centre(const std::vector<float>& gram, int64_t n, double* out) {
    const auto at = [&](int64_t i, int64_t j) { return static_cast<double>(gram[static_cast<size_t>(i * n + j)]); };
    std::vector<double> row(static_cast<size_t>(n));
    double total = 0;
    for (int64_t i = 0; i < n; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < n; ++j) sum += i == j ? 0 : at(i, j);
        row[static_cast<size_t>(i)] = sum / static_cast<double>(n - 2);
        total += sum;
    }
    total /= static_cast<double>((n - 1) * (n - 2));
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = i + 1; j < n; ++j) {
            *out++ = at(i, j) - row[static_cast<size_t>(i)] - row[static_cast<size_t>(j)] + total;
        }
    }
}

constexpr double kRounding = 1e-6;  // of the sums that are a Gram matrix's entries, relative to the largest

double largest(const std::vector<float>& gram) {
    float most = 0;
    for (const float entry : gram) most = std::max(most, std::abs(entry));
    return static_cast<double>(most);
}

}  // namespace

CkaSums::CkaSums(int64_t layers)
    : layers_(layers), sums_(static_cast<size_t>(layers * layers)), rounding_(static_cast<size_t>(layers)) {}

void CkaSums::add(const std::vector<std::vector<float>>& grams, int64_t n) {
    check(std::ssize(grams) == layers_, "CkaSums: {} Gram matrices, expected {}", grams.size(), layers_);
    check(n >= kLeastCkaImages, "CkaSums: a minibatch of {} images, expected at least {}", n, kLeastCkaImages);
    Matrix centred(layers_, n * (n - 1) / 2);
    for (int64_t l = 0; l < layers_; ++l) {
        const std::vector<float>& gram = grams[static_cast<size_t>(l)];
        u_centre(gram, n, centred.row(l).data());
        const double rounded = kRounding * largest(gram);
        rounding_[static_cast<size_t>(l)] += rounded * rounded;
    }
    Eigen::Map<Matrix> sums(sums_.data(), layers_, layers_);
    sums.noalias() += 2.0 / static_cast<double>(n * (n - 3)) * (centred * centred.transpose());
    ++minibatches_;
}

std::vector<double> CkaSums::cka() const {
    std::vector<double> result(sums_.size(), std::numeric_limits<double>::quiet_NaN());
    const auto own = [&](int64_t l) { return sums_[static_cast<size_t>(l * layers_ + l)]; };
    const auto differs = [&](int64_t l) { return own(l) > rounding_[static_cast<size_t>(l)]; };
    for (int64_t a = 0; a < layers_; ++a) {
        for (int64_t b = 0; b < layers_; ++b) {
            const auto at = static_cast<size_t>(a * layers_ + b);
            if (differs(a) && differs(b)) result[at] = sums_[at] / std::sqrt(own(a) * own(b));
        }
    }
    return result;
}

}  // namespace moco
