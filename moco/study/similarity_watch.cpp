#include "moco/study/similarity_watch.h"

#include <algorithm>
#include <utility>

#include "core/autograd.h"
#include "core/error.h"
#include "ops/matmul.h"
#include "ops/row_dot.h"

namespace moco {

Histogram similarity_histogram(std::string name, const std::vector<float>& values, int64_t bins) {
    Histogram histogram;
    histogram.tag = "similarity/" + name;
    histogram.name = std::move(name);
    histogram.counts.resize(static_cast<size_t>(bins));
    const float per_unit = static_cast<float>(bins) / 2;
    histogram.least = histogram.most = values.empty() ? 0 : values.front();
    for (const float value : values) {
        const auto bin = static_cast<int64_t>((std::clamp(value, -1.0f, 1.0f) + 1) * per_unit);
        ++histogram.counts[static_cast<size_t>(std::min(bin, bins - 1))];
        histogram.least = std::min<double>(histogram.least, value);
        histogram.most = std::max<double>(histogram.most, value);
        histogram.sum += value;
        histogram.sum_of_squares += static_cast<double>(value) * value;
    }
    return histogram;
}

void SimilarityWatch::take(const Tensor& q, const Tensor& k, const Tensor& negatives) {
    const NoGrad no_gradient;
    const int64_t n = std::min(kQueries, q.dim(0));
    const Tensor queries = q.rows(0, n);
    positives_ = row_dot(queries, k.rows(0, n));
    negatives_ = matmul(queries, negatives, Transpose::yes);
}

void SimilarityWatch::report(DiagnosticsReport& report) {
    const std::vector<float> positives = std::exchange(positives_, {}).to_vector(),
                             negatives = std::exchange(negatives_, {}).to_vector();
    report.histograms.push_back(similarity_histogram("positives", positives));
    report.histograms.push_back(similarity_histogram("negatives", negatives));
    const double positive = report.histograms[0].sum / static_cast<double>(positives.size()),
                 negative = report.histograms[1].sum / static_cast<double>(negatives.size());
    const auto add = [&](const char* name, const char* tag, const char* text, double value) {
        report.values.push_back({name, tag, text, value, ValueName::Unit::plain});
    };
    add("positive_mean", "similarity/positive_mean", "positives", positive);
    add("negative_mean", "similarity/negative_mean", "negatives", negative);
    add("alignment", "similarity/alignment", "alignment", 2 - 2 * positive);
}

}  // namespace moco
