// How far the classes lie apart in a layer: what a linear classifier makes of it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace moco {

/// Labels are 0 .. classes-1, or -1 where there is none (left out).
struct LabelledFeatures {
    Tensor rows;  // n x d
    const std::vector<int64_t>& labels;
};

/// Percent of the test rows that multinomial logistic regression, fitted to the standardised training rows by L-BFGS
/// (l2 1e-3), classifies rightly. Throws Error where a part has no label, or features are not finite.
double separability(const LabelledFeatures& train, const LabelledFeatures& test, int64_t classes);

}  // namespace moco
