// How well a classifier's scores name the classes of labelled images.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace moco {

/// Percentages of the labelled rows, and what was taken for what.
struct ClassificationScores {
    double top1 = 0, top5 = 0;  // the label has the highest score, one of the five highest; ties count as wrong
    double mean_per_class = 0;  // mean over the classes that occur of their top1
    int64_t images = 0;         // with a label
    int64_t classes = 0;
    std::vector<int64_t> confusion;  // classes x classes: how many images of class row were taken for class column
};

/// scores: n x classes; labels: n, -1 where there is none (left out). Throws Error if no row has a label, or if a
/// label is none of the classes.
ClassificationScores score_classification(const Tensor& scores, const std::vector<int64_t>& labels);

/// The confusion matrix as CSV: a header of the predicted classes' names, a row a class. Numbers stand for names where
/// there are none. Throws Error naming the file when it cannot be written.
void write_confusion(const std::filesystem::path& path, const ClassificationScores& scores,
                     const std::vector<std::string>& names);

}  // namespace moco
