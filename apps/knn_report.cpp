#include "apps/knn_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/json.h"
#include "core/parse.h"
#include "moco/tasks/results_json.h"

namespace moco::apps {
namespace {

using Json = nlohmann::ordered_json;

/// "64 images vote on 32", or how they vote on each other.
std::string voters_text(const KnnReport& report) {
    return report.voters == KnnVoters::all_but_itself
               ? fmt::format("{} images vote on each other", report.voting)
               : fmt::format("{} images vote on {}", report.voting, report.asked);
}

void print_lines(const KnnReport& report) {
    fmt::print("kNN accuracy on {} (k {}, T {:g}; {})\n", report.data, report.ks.front(), report.temperatures.front(),
               voters_text(report));
    for (const KnnRow& row : report.rows) {
        fmt::print("  {:<32}{:6.2f} %\n", row.name, row.results.outcomes.front().scores.top1);
    }
}

void print_tables(const KnnReport& report) {
    fmt::print("kNN accuracy on {} (top-1 / top-5 in percent; {})\n", report.data, voters_text(report));
    for (const KnnRow& row : report.rows) {
        fmt::print("  {}\n  {:>8}", row.name, "k");
        for (const double t : report.temperatures) fmt::print("{:>17}", fmt::format("T {:g}", t));
        size_t next = 0;
        for (const int64_t k : report.ks) {
            fmt::print("\n  {:>8}", k);
            for (size_t t = 0; t < report.temperatures.size(); ++t) {
                const ClassificationScores& scores = row.results.outcomes[next++].scores;
                fmt::print("{:>17}", fmt::format("{:.2f} / {:.2f}", scores.top1, scores.top5));
            }
        }
        fmt::print("\n");
    }
}

}  // namespace

std::vector<VoteResult> votes_of(const KnnReport& report) {
    std::vector<VoteResult> votes;
    for (const KnnRow& row : report.rows) {
        for (const auto& [vote, scores] : row.results.outcomes) {
            // 0.1 as it was given, not as the f32 that it became.
            const double temperature = parse_double(fmt::format("{}", vote.temperature)).value_or(vote.temperature);
            votes.push_back({row.key, vote.k, temperature, scores.top1, scores.top5, scores.mean_per_class});
        }
    }
    return votes;
}

void print_text(const KnnReport& report) {
    const bool single = report.rows.front().results.outcomes.size() == 1;
    single ? print_lines(report) : print_tables(report);
    const KnnRow& row = report.rows[report.main];
    const auto& [vote, scores] = row.results.outcomes.front();
    fmt::print("{}{}: top-5 {:.2f} %, mean per class {:.2f} %\n", row.name,
               single ? "" : fmt::format(", k {}, T {:g}", vote.k, vote.temperature), scores.top5,
               scores.mean_per_class);
    if (report.folder) {
        fmt::print("{}: results.json, predictions.csv, confusion.csv, confusion.png\n", report.folder->string());
    }
}

void print_as_json(const KnnReport& report, const std::vector<std::string>& class_names) {
    Json object;
    for (const KnnRow& row : report.rows) object[row.key] = row.results.outcomes.front().scores.top1;
    const auto& [vote, scores] = report.rows[report.main].results.outcomes.front();
    object["k"] = vote.k;
    object["t"] = report.temperatures.front();
    object["leave_one_out"] = report.voters == KnnVoters::all_but_itself;
    object["top5"] = scores.top5;
    object["mean_per_class"] = scores.mean_per_class;
    object["per_class"] = per_class_json(scores, class_names);
    object["votes"] = votes_json(votes_of(report));
    object["results"] = report.folder ? Json(report.folder->string()) : Json();
    print_json(object);
}

}  // namespace moco::apps
