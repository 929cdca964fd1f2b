// The table of an ablation: each variant's results as mean and deviation over its seeds, the papers' beside them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "moco/study/ablation_outcome.h"
#include "moco/study/ablation_record.h"

namespace moco {

/// Of n values: their mean and sample standard deviation (over n - 1; 0 of one value).
struct Spread {
    int64_t n = 0;
    double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<double>& values);

struct EpochSpread {
    int64_t epoch = 0;
    Spread knn;
};

/// A row. A result that no run has is of n = 0.
struct VariantSummary {
    Variant variant;
    int64_t runs = 0, planned = 0;  // with results; in all
    Spread knn, projection, probe, loss;
    std::vector<EpochSpread> curve;
    std::optional<double> published;
};

struct AblationSummary {
    AblationRecord record;
    std::vector<VariantSummary> variants;
};

/// Finds what came of the run of a key; nothing where it is not finished.
using FindOutcome = std::function<std::optional<RunOutcome>(const std::string& key)>;

AblationSummary summary_of(const AblationRecord& record, const FindOutcome& find);

/// "14.10 +- 0.32", with a real plus-minus; "-" for no value, no deviation of a single one.
std::string spread_text(const Spread& spread);

/// A heading, a table and the note of each ablation. `pictures`: links the charts that lie beside.
std::string as_markdown(const std::vector<AblationSummary>& summaries);

/// A line a variant: plan,variant,runs,planned,knn,knn_deviation,...,published,published_data.
std::string as_csv(const std::vector<AblationSummary>& summaries);

/// A line a run: plan,variant,seed,folder,knn,projection,probe,loss.
std::string runs_as_csv(const std::vector<AblationRecord>& records, const FindOutcome& find);

}  // namespace moco
