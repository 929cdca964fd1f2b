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
    std::vector<int64_t> images_of, right_of;  // of each class: its images, and how many of them count for top1
    std::vector<int64_t> confusion;  // classes x classes: how many images of class row were taken for class column
};

/// The scores of images that come one after another.
class ClassificationTally {
  public:
    explicit ClassificationTally(int64_t classes);

    /// An image of class `label` (0 <= label < classes) that was taken for class `taken_for`; `ahead` other classes
    /// count as likelier than its own: it is right for top-1 if there are none, for top-5 if there are at most four.
    void add(int64_t label, int64_t taken_for, int64_t ahead);
    int64_t images() const { return counts_.images; }
    /// Of the images so far, at least one.
    ClassificationScores scores() const;

  private:
    ClassificationScores counts_;
    int64_t in_five_ = 0;
};

/// scores: n x classes; labels: n, -1 where there is none (left out). Throws Error if no row has a label, or if a
/// label is none of the classes.
ClassificationScores score_classification(const Tensor& scores, const std::vector<int64_t>& labels);

/// The confusion matrix as CSV: a header of the predicted classes' names, a row a class. Numbers stand for names where
/// there are none. Throws Error naming the file when it cannot be written.
void write_confusion(const std::filesystem::path& path, const ClassificationScores& scores,
                     const std::vector<std::string>& names);

}  // namespace moco
