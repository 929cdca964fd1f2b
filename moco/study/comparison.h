// Two networks or more on the same images: where are they alike, where not?
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "moco/data/dataset.h"
#include "moco/eval/features.h"
#include "moco/study/error_agreement.h"
#include "moco/study/layer_similarity.h"
#include "moco/study/spectrum.h"

namespace moco {

struct ComparisonOptions {
    int64_t minibatch = 250;                              // images of one Gram matrix (CKA)
    std::vector<int64_t> overlaps = {10, 50, 200};        // neighbours whose overlap is measured
    KnnOptions knn;                                       // of accuracies and of errors
    int workers = 1;                                      // threads that decode
    int64_t limit = 0;                                    // the first images of each part only; 0: all
    uint64_t seed = 0;                                    // of the disturbances' draws
    std::function<void(const std::string& doing)> doing;  // called as work goes on: "features of sup_0: 2500 images"
};

/// A stage of one network, its output pooled.
struct StageReport {
    std::string name;
    int64_t channels = 0;
    Spectrum spectrum;
    std::optional<double> separability;  // percent
};

struct DisturbedAccuracy {
    std::string name;  // "crop"
    double top1 = 0;
};

struct NetworkReport {
    std::string name;
    std::vector<StageReport> stages;           // from the images up
    std::optional<double> knn;                 // top-1 of the pooled features, percent
    std::vector<DisturbedAccuracy> disturbed;  // the same of test images under one augmentation each
};

struct Overlap {
    int64_t k = 0;
    double share = 0, by_chance = 0;  // 0 to 1
};

struct PairReport {
    size_t a = 0, b = 0;  // of the networks
    std::vector<Overlap> overlaps;
    std::optional<ErrorAgreement> errors;  // of the kNN classifiers
};

struct Comparison {
    std::string data, part;                 // the part of the data set whose images are compared
    int64_t images = 0, bank = 0;           // of that part; among which neighbours are looked for
    std::vector<std::string> class_names;   // perhaps none
    std::optional<std::string> unlabelled;  // why nothing that needs labels is in here
    LayerSimilarity similarity;
    std::vector<NetworkReport> networks;
    std::vector<PairReport> pairs;  // (0, 1), (0, 2), (1, 2), ...
    std::vector<Unreadable> unreadable;
};

/// Compares on the test part; where there is none on the training part, whose images are then each other's neighbours.
/// Classes are known where both parts are labelled. Memory: the pooled features of all stages of one network. Throws
/// Error where there are fewer images than a minibatch holds, or none can be read.
Comparison compare(const std::vector<ComparedNetwork>& networks, const Splits& data, const ComparisonOptions& options,
                   Backend& backend);

}  // namespace moco
