#include "moco/eval/classification.h"

#include <algorithm>

#include "core/error.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

/// A field of a CSV file, quoted where it must be.
std::string csv_field(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted;
    for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
    return fmt::format("\"{}\"", quoted);
}

std::string class_name(const std::vector<std::string>& names, int64_t c) {
    return names.empty() ? fmt::format("{}", c) : csv_field(names[static_cast<size_t>(c)]);
}

}  // namespace

ClassificationScores score_classification(const Tensor& scores, const std::vector<int64_t>& labels) {
    const int64_t classes = scores.dim(1);
    check(std::ssize(labels) == scores.dim(0), "score_classification: {} labels for {} rows", labels.size(),
          scores.dim(0));
    const std::vector<float> all = scores.to_vector();
    ClassificationScores result;
    result.classes = classes;
    result.confusion.assign(static_cast<size_t>(classes * classes), 0);
    std::vector<int64_t> right(static_cast<size_t>(classes)), images(static_cast<size_t>(classes));
    int64_t in_five = 0;
    for (size_t n = 0; n < labels.size(); ++n) {
        if (labels[n] < 0) continue;
        check(labels[n] < classes, "score_classification: a label is {}, the scores are of {} classes", labels[n],
              classes);
        const auto row = all.begin() + static_cast<std::ptrdiff_t>(n) * classes;
        const auto label = static_cast<size_t>(labels[n]);
        const float own = row[labels[n]];
        const auto as_high = std::count_if(row, row + classes, [own](float score) { return !(score < own); }) - 1;
        const auto best = static_cast<size_t>(std::max_element(row, row + classes) - row);
        ++images[label];
        right[label] += as_high == 0;
        in_five += as_high < 5;
        ++result.confusion[label * static_cast<size_t>(classes) + best];
    }
    int64_t correct = 0, present = 0;
    for (size_t c = 0; c < right.size(); ++c) {
        correct += right[c];
        result.images += images[c];
        if (images[c] == 0) continue;
        ++present;
        result.mean_per_class += 100.0 * static_cast<double>(right[c]) / static_cast<double>(images[c]);
    }
    check(result.images > 0, "score_classification: none of the {} images has a label", labels.size());
    result.mean_per_class /= static_cast<double>(present);
    result.top1 = 100.0 * static_cast<double>(correct) / static_cast<double>(result.images);
    result.top5 = 100.0 * static_cast<double>(in_five) / static_cast<double>(result.images);
    return result;
}

void write_confusion(const std::filesystem::path& path, const ClassificationScores& scores,
                     const std::vector<std::string>& names) {
    std::string text = "class";
    for (int64_t c = 0; c < scores.classes; ++c) text += fmt::format(",{}", class_name(names, c));
    for (int64_t row = 0; row < scores.classes; ++row) {
        text += fmt::format("\n{}", class_name(names, row));
        for (int64_t c = 0; c < scores.classes; ++c) {
            text += fmt::format(",{}", scores.confusion[static_cast<size_t>(row * scores.classes + c)]);
        }
    }
    write_file_atomically(path, fmt::format("{}\n", text));
}

}  // namespace moco
