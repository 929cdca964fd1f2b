// What an evaluation leaves in RUN/eval/NAME/ (docs/file-formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "moco/data/dataset.h"
#include "moco/eval/classification.h"
#include "moco/eval/predictions.h"

namespace moco {

/// One of several heads that were trained side by side. Percentages.
struct HeadResult {
    double setting = 0;   // what sets it apart: ResultsOrigin::heads_differ_in
    double val_top1 = 0;  // of the images that the choice was made on
    double top1 = 0;      // of the evaluated images
};

/// One vote of nearest neighbours among several. Percentages.
struct VoteResult {
    std::string features;  // whose neighbours voted: "backbone", "untrained"
    int64_t k = 0;
    double temperature = 0, top1 = 0, top5 = 0, mean_per_class = 0;
};

struct ResultsOrigin {
    std::string task;             // "supervised"
    std::string data;             // name of the data set
    std::string checkpoint;       // file name, where there is one
    int64_t epoch = 0, step = 0;  // done when it was evaluated
    double seconds = 0;
    std::string part = "test";           // of the data set, whose images were evaluated
    std::vector<HeadResult> heads = {};  // written if there are any
    std::string heads_differ_in = "lr";
    std::vector<VoteResult> votes = {};  // likewise
};

/// What a classifier made of images of a data set, in any order; those that could not be read are left out.
struct ClassifiedImages {
    Tensor scores;                 // n x classes, any reals: their softmax are the probabilities
    std::vector<int64_t> labels;   // n; -1 where there is none: predicted, but not counted
    std::vector<int64_t> indices;  // n, within the data set
};

/// Makes a folder for results, if need be. Throws Error naming it.
void make_results_folder(const std::filesystem::path& folder);

/// Counts what is right and writes results.json, predictions.csv, confusion.csv and confusion.png into `folder`, which
/// is made if need be. `data` is what the images are of. Throws Error naming what cannot be written, or if no image has
/// a label.
ClassificationScores write_results(const std::filesystem::path& folder, const ResultsOrigin& origin,
                                   const ClassifiedImages& images, const Dataset& data);

/// The same files of what is counted already.
void write_results(const std::filesystem::path& folder, const ResultsOrigin& origin, const ClassificationScores& scores,
                   const std::vector<Prediction>& predictions, const Dataset& data);

}  // namespace moco
