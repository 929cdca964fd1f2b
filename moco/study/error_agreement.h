// Do two classifiers fail on the same images?
#pragma once

#include <cstdint>
#include <vector>

namespace moco {

/// Counts of images.
struct Agreement {
    int64_t both_right = 0, only_a = 0, only_b = 0, both_wrong = 0;
    int64_t same_mistake = 0;  // of both_wrong: taken for the same class

    int64_t images() const { return both_right + only_a + only_b + both_wrong; }
    /// Cohen's kappa of being right (error consistency; Geirhos et al., NeurIPS 2020): 0, as often both right or both
    /// wrong as two classifiers of these accuracies are by chance; 1, always; not a number where chance alone makes it
    /// certain (both always right) or there are no images.
    double kappa() const;
};

struct ErrorAgreement {
    Agreement all;
    std::vector<Agreement> of_class;
};

/// labels: -1 where there is none (left out), else 0 .. classes-1; a, b: the classes that each took the images for.
ErrorAgreement error_agreement(const std::vector<int64_t>& labels, const std::vector<int64_t>& a,
                               const std::vector<int64_t>& b, int64_t classes);

}  // namespace moco
