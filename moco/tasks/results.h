// What an evaluation leaves in RUN/eval/NAME/ (docs/file-formats.md).
#pragma once

#include <filesystem>
#include <string>

#include "moco/eval/classification.h"

namespace moco {

struct ResultsOrigin {
    std::string task;             // "supervised"
    std::string data;             // name of the data set
    std::string checkpoint;       // file name, where there is one
    int64_t epoch = 0, step = 0;  // done when it was evaluated
    double seconds = 0;
};

/// Writes results.json and confusion.csv into `folder`, which is made if need be. Throws Error naming what cannot be
/// written.
void write_results(const std::filesystem::path& folder, const ResultsOrigin& origin, const ClassificationScores& scores,
                   const std::vector<std::string>& class_names);

}  // namespace moco
