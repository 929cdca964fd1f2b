// Multinomial logistic regression to convergence, by L-BFGS: a linear probe without a learning rate to guess.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace moco {

/// Minimises mean cross-entropy + l2 / 2 * (sum of the squared weights); biases are free. (scikit-learn's C is
/// 1 / (l2 * n).)
struct LogisticOptions {
    double l2 = 1e-3;
    int most_iterations = 1000;
    double tolerance = 1e-5;  // ends where |gradient| is below this times max(1, |parameters|)
};

/// Scores are x weight^T + bias.
struct LogisticModel {
    Tensor weight;  // classes x d
    Tensor bias;    // classes
    double loss = 0;
    int iterations = 0;
};

/// Shift and scale that give every feature mean 0 and deviation 1; features that do not vary keep their scale.
struct Standardisation {
    std::vector<float> mean, scale;  // d each: (x - mean) * scale
};
/// features: n x d.
Standardisation standardisation_of(const Tensor& features);
/// (x - mean) * scale, like x.
Tensor standardised(const Tensor& features, const Standardisation& s);
/// The model that gives features the scores that `model` gives their standardised values.
LogisticModel for_raw_features(const LogisticModel& model, const Standardisation& s);

/// Fits features (n x d, f32) to labels (n, each in 0..classes-1), beginning with `start`, or with zeros where its
/// tensors are undefined. Computes on the features' backend; the same bits on any number of threads. Throws Error if
/// the features are not finite.
LogisticModel fit_logistic_regression(const Tensor& features, const std::vector<int64_t>& labels, int64_t classes,
                                      const LogisticOptions& options, const LogisticModel& start = {});

}  // namespace moco
