// The confusion matrix as a picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "moco/data/image.h"
#include "moco/eval/classification.h"

namespace moco {

/// More classes than this make no picture: it would be larger than screens, and the matrix larger than memory.
inline constexpr int64_t kMostDrawnClasses = 2000;

/// What is written around the matrix.
struct ConfusionCaption {
    std::string title;                     // a line above; how good it is stands below it
    std::vector<std::string> class_names;  // as many as there are classes, or none: then numbers
};

/// A row a true class, a column a class that was predicted. A cell's colour is its share of the row's images: on the
/// diagonal (right) blue, beside it (mistaken) red, by a scale that shows one in a hundred too. Where there is room,
/// cells hold their counts, and each row the percentage that is right. Of many classes only some are named. Throws
/// Error if there are none, or more than kMostDrawnClasses.
Image confusion_picture(const ClassificationScores& scores, const ConfusionCaption& caption);

}  // namespace moco
