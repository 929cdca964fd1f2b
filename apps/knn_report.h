// What moco knn prints, and what it leaves in a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "moco/eval/knn_results.h"
#include "moco/tasks/results.h"

namespace moco::apps {

/// The outcomes in one set of features.
struct KnnRow {
    std::string key, name;  // in JSON; for people
    KnnResults results;
};

struct KnnReport {
    std::string data;  // the data set's name
    std::vector<int64_t> ks;
    std::vector<double> temperatures;
    KnnVoters voters = KnnVoters::other_images;
    int64_t voting = 0, asked = 0;  // images
    std::vector<KnnRow> rows;
    size_t main = 0;                              // the row that predictions and folder are about
    std::optional<std::filesystem::path> folder;  // where the results lie
};

/// All outcomes of all rows.
std::vector<VoteResult> votes_of(const KnnReport& report);

/// For one k and one T a line of every row, else for every row a table of k x T; then more about the main row.
void print_text(const KnnReport& report);

/// One JSON object: the top-1 of each row under its key, by the first k and T, and the rest.
void print_as_json(const KnnReport& report, const std::vector<std::string>& class_names);

}  // namespace moco::apps
