#include "moco/eval/predictions.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "moco/eval/csv.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

/// exp(score - the highest score): softmax but for the sum. All 0 where a score is not finite.
void exponentials(const float* scores, std::vector<double>& result) {
    const auto classes = static_cast<std::ptrdiff_t>(result.size());
    if (!std::all_of(scores, scores + classes, [](float score) { return std::isfinite(score); })) {
        std::fill(result.begin(), result.end(), 0.0);
        return;
    }
    const double highest = *std::max_element(scores, scores + classes);
    for (size_t c = 0; c < result.size(); ++c) result[c] = std::exp(static_cast<double>(scores[c]) - highest);
}

}  // namespace

std::array<RankedClass, kBestClasses> best_classes(const double* probabilities, int64_t classes) {
    std::array<RankedClass, kBestClasses> best;
    double sum = 0;
    size_t found = 0;
    for (int64_t c = 0; c < classes; ++c) {
        const double p = probabilities[c];
        sum += p;
        if (!(p > 0) || (found == kBestClasses && p <= best.back().probability)) continue;
        size_t place = std::min(found, kBestClasses - 1);
        for (; place > 0 && best[place - 1].probability < p; --place) best[place] = best[place - 1];
        best[place] = {c, p};
        found = std::min(found + 1, kBestClasses);
    }
    for (size_t i = 0; i < found; ++i) best[i].probability /= sum;
    return best;
}

std::vector<Prediction> predictions_of(const Tensor& scores, const std::vector<int64_t>& labels,
                                       const std::vector<int64_t>& indices) {
    const int64_t n = scores.dim(0), classes = scores.dim(1);
    check(std::ssize(labels) == n && std::ssize(indices) == n, "predictions: {} labels and {} indices for {} rows",
          labels.size(), indices.size(), n);
    const std::vector<float> all = scores.to_vector();
    std::vector<double> row(static_cast<size_t>(classes));
    std::vector<Prediction> predictions(labels.size());
    for (size_t i = 0; i < predictions.size(); ++i) {
        exponentials(all.data() + i * row.size(), row);
        predictions[i] = {indices[i], labels[i], best_classes(row.data(), classes)};
    }
    return predictions;
}

std::string prediction_row(std::string_view name, const Prediction& image, const std::vector<std::string>& names) {
    std::string row = csv_field(name);
    row += image.label < 0 ? "," : fmt::format(",{}", csv_class(names, image.label));
    for (const RankedClass& one : image.best) {
        row += one.label < 0 ? ",," : fmt::format(",{},{:.6g}", csv_class(names, one.label), one.probability);
    }
    return row + "\n";
}

void write_predictions(const std::filesystem::path& path, const std::vector<Prediction>& predictions,
                       const Dataset& data) {
    AtomicFile file(path);
    file.write(std::string(kPredictionColumns) + "\n");
    const bool files = !data.names_digest().empty();
    for (const Prediction& image : predictions) {
        const std::string name = files ? data.path(image.index) : fmt::format("{}", image.index);
        file.write(prediction_row(name, image, data.info().class_names));
    }
    file.commit();
}

}  // namespace moco
