#include "moco/eval/classification.h"

#include <algorithm>

#include "core/error.h"
#include "moco/eval/csv.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

double percent(int64_t part, int64_t whole) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

ClassificationTally::ClassificationTally(int64_t classes) {
    counts_.classes = classes;
    counts_.images_of.assign(static_cast<size_t>(classes), 0);
    counts_.right_of.assign(static_cast<size_t>(classes), 0);
    counts_.confusion.assign(static_cast<size_t>(classes * classes), 0);
}

void ClassificationTally::add(int64_t label, int64_t taken_for, int64_t ahead) {
    ++counts_.images;
    ++counts_.images_of[static_cast<size_t>(label)];
    counts_.right_of[static_cast<size_t>(label)] += ahead == 0;
    in_five_ += ahead < 5;
    ++counts_.confusion[static_cast<size_t>(label * counts_.classes + taken_for)];
}

ClassificationScores ClassificationTally::scores() const {
    ClassificationScores result = counts_;
    int64_t right = 0, present = 0;
    for (size_t c = 0; c < result.images_of.size(); ++c) {
        right += result.right_of[c];
        if (result.images_of[c] == 0) continue;
        ++present;
        result.mean_per_class += percent(result.right_of[c], result.images_of[c]);
    }
    result.mean_per_class /= static_cast<double>(present);
    result.top1 = percent(right, result.images);
    result.top5 = percent(in_five_, result.images);
    return result;
}

ClassificationScores score_classification(const Tensor& scores, const std::vector<int64_t>& labels) {
    const int64_t classes = scores.dim(1);
    check(std::ssize(labels) == scores.dim(0), "score_classification: {} labels for {} rows", labels.size(),
          scores.dim(0));
    const std::vector<float> all = scores.to_vector();
    ClassificationTally tally(classes);
    for (size_t n = 0; n < labels.size(); ++n) {
        if (labels[n] < 0) continue;
        check(labels[n] < classes, "score_classification: a label is {}, the scores are of {} classes", labels[n],
              classes);
        const auto row = all.begin() + static_cast<std::ptrdiff_t>(n) * classes;
        const float own = row[labels[n]];
        const auto as_high = std::count_if(row, row + classes, [own](float score) { return !(score < own); });
        tally.add(labels[n], std::max_element(row, row + classes) - row, as_high - 1);
    }
    check(tally.images() > 0, "score_classification: none of the {} images has a label", labels.size());
    return tally.scores();
}

void write_confusion(const std::filesystem::path& path, const ClassificationScores& scores,
                     const std::vector<std::string>& names) {
    std::string text = "class";
    for (int64_t c = 0; c < scores.classes; ++c) text += fmt::format(",{}", csv_class(names, c));
    for (int64_t row = 0; row < scores.classes; ++row) {
        text += fmt::format("\n{}", csv_class(names, row));
        for (int64_t c = 0; c < scores.classes; ++c) {
            text += fmt::format(",{}", scores.confusion[static_cast<size_t>(row * scores.classes + c)]);
        }
    }
    write_file_atomically(path, fmt::format("{}\n", text));
}

}  // namespace moco
