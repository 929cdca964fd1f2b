// What each image was taken for: the five likeliest classes, as a table that people and programs read.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "moco/data/dataset.h"

namespace moco {

/// How many classes of an image are kept.
inline constexpr size_t kBestClasses = 5;

struct RankedClass {
    int64_t label = -1;      // -1: no class
    double probability = 0;  // 0 to 1
};

struct Prediction {
    int64_t index = 0;  // of the image within its data set
    int64_t label = -1;
    /// The likeliest first, of equals the smaller class; those whose probability is above 0, so perhaps fewer than
    /// five.
    std::array<RankedClass, kBestClasses> best;
};

/// The likeliest of `classes` classes with these probabilities (>= 0, perhaps not normalised: their sum is what
/// counts).
std::array<RankedClass, kBestClasses> best_classes(const double* probabilities, int64_t classes);

/// Softmax of each row of scores (n x classes, f32) as probabilities. labels, indices: n. A row with a score that is
/// not finite has no class.
std::vector<Prediction> predictions_of(const Tensor& scores, const std::vector<int64_t>& labels,
                                       const std::vector<int64_t>& indices);

/// Each row of predictions.csv but its header: path,label,class1,p1, ... `name`: of the image; `class_names`: as
/// csv_class takes them.
std::string prediction_row(std::string_view name, const Prediction& image, const std::vector<std::string>& class_names);
/// The header.
inline constexpr const char* kPredictionColumns = "path,label,class1,p1,class2,p2,class3,p3,class4,p4,class5,p5";

/// Writes path,label,class1,p1,...,class5,p5, a row an image (docs/file-formats.md). Throws Error naming the file when
/// it cannot be written.
void write_predictions(const std::filesystem::path& path, const std::vector<Prediction>& predictions,
                       const Dataset& data);

}  // namespace moco
