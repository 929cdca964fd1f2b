// What the loss compares: the similarities of a step's first queries to their keys and to the negatives.
#pragma once

#include "core/tensor.h"
#include "moco/train/diagnostics_report.h"

namespace moco {

/// Counts `values` in `bins` bins from -1 to 1.
Histogram similarity_histogram(std::string name, const std::vector<float>& values, int64_t bins = 50);

class SimilarityWatch {
  public:
    static constexpr int64_t kQueries = 32;  // at most

    /// q, k: N x C, unit rows, positives row by row; negatives: K x C. Leaves the graph alone.
    void take(const Tensor& q, const Tensor& k, const Tensor& negatives);
    bool has_taken() const { return positives_.defined(); }
    /// Adds means, histograms and the alignment, mean |q - k|^2, of what was taken, and forgets it.
    void report(DiagnosticsReport& report);

  private:
    Tensor positives_, negatives_;  // n x 1, n x K
};

}  // namespace moco
