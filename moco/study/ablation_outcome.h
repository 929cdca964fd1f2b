// What came of one run, read from its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace moco {

struct EpochKnn {
    int64_t epoch = 0;
    double knn = 0;  // percent
};

/// Percentages but for the loss; absent where the run was not asked, or has not come so far.
struct RunOutcome {
    std::optional<double> knn, projection;  // top-1 of backbone features and of the head's output, at the end
    std::optional<double> probe;            // top-1 of the linear probe
    std::optional<double> loss;             // mean of the last epoch
    std::vector<EpochKnn> curve;            // the monitor's kNN of backbone features, ascending epochs
};

/// Reads metrics.jsonl, eval/knn and eval/probe of a run. What is not there is absent; of kNN, eval/knn counts before
/// the monitor's last value. Throws Error naming a file that is there and makes no sense.
RunOutcome outcome_of(const std::filesystem::path& run);

/// Where evaluations of a run leave their results.json.
std::filesystem::path results_of(const std::filesystem::path& run, const char* evaluation);

}  // namespace moco
