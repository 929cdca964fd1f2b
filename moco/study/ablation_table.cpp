#include "moco/study/ablation_table.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "moco/eval/csv.h"
#include "moco/study/ablation_charts.h"
#include "moco/study/published_values.h"

namespace moco {
namespace {

std::optional<double> published_for(const std::string& axis, const Variant& variant) {
    for (const PublishedValue& value : published_along(axis)) {
        // A plan without mechanisms is MoCo's.
        const bool same_series =
            value.series == variant.series || (variant.series.empty() && value.series == "mechanism=moco");
        if (same_series && same_value(value.at, variant.at)) return value.percent;
    }
    return std::nullopt;
}

void take(std::vector<double>& values, const std::optional<double>& value) {
    if (value) values.push_back(*value);
}

VariantSummary summary_of(const AblationRecord& record, size_t number, const FindOutcome& find) {
    VariantSummary row;
    row.variant = record.plan.variants[number];
    row.published = published_for(record.plan.axis, row.variant);
    std::vector<double> knn, projection, probe, loss;
    std::map<int64_t, std::vector<double>> curve;
    for (const RecordedRun& run : record.runs) {
        if (run.variant != number) continue;
        ++row.planned;
        const std::optional<RunOutcome> outcome = find(run.key);
        if (!outcome) continue;
        ++row.runs;
        take(knn, outcome->knn), take(projection, outcome->projection);
        take(probe, outcome->probe), take(loss, outcome->loss);
        for (const EpochKnn& point : outcome->curve) curve[point.epoch].push_back(point.knn);
    }
    row.knn = spread_of(knn), row.projection = spread_of(projection);
    row.probe = spread_of(probe), row.loss = spread_of(loss);
    for (const auto& point : curve) row.curve.push_back({point.first, spread_of(point.second)});
    return row;
}

std::string cell(const std::optional<double>& percent) {
    return percent ? fmt::format("{:.1f}", *percent) : "-";
}

std::string csv_number(const std::optional<double>& number) {
    return number ? fmt::format("{:.6g}", *number) : "";
}

std::string csv_spread(const Spread& spread) {
    if (spread.n == 0) return ",";
    return fmt::format("{:.6g},{}", spread.mean, spread.n > 1 ? fmt::format("{:.6g}", spread.deviation) : "");
}

std::string section(const AblationSummary& summary) {
    const AblationPlan& plan = summary.record.plan;
    std::string text = fmt::format("## {}: {}\n\n`{}`, mean and deviation over seeds.\n\n", plan.name, plan.title,
                                   summary.record.common);
    const bool published = !published_along(plan.axis).empty();
    text += fmt::format("| variant | runs | kNN % | kNN of the projection % | linear probe % | loss |{}\n",
                        published ? fmt::format(" *other data: {}* % |", kPublishedAre) : "");
    text += fmt::format("|---|---|---|---|---|---|{}\n", published ? "---|" : "");
    for (const VariantSummary& row : summary.variants) {
        const std::string runs =
            row.runs == row.planned ? fmt::format("{}", row.runs) : fmt::format("{} of {}", row.runs, row.planned);
        text += fmt::format("| {} | {} | {} | {} | {} | {} |{}\n", row.variant.label, runs, spread_text(row.knn),
                            spread_text(row.projection), spread_text(row.probe), spread_text(row.loss),
                            published ? fmt::format(" *{}* |", cell(row.published)) : "");
    }
    if (!published_note(plan.axis).empty()) text += fmt::format("\n{}\n", published_note(plan.axis));
    for (const AblationChart& chart : charts_of(summary)) {
        text += fmt::format("\n![{}]({})\n", chart.chart.title, chart.file);
    }
    return text;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
    Spread spread;
    spread.n = static_cast<int64_t>(values.size());
    if (values.empty()) return spread;
    const auto n = static_cast<double>(spread.n);
    for (const double value : values) spread.mean += value / n;
    if (spread.n < 2) return spread;
    double squares = 0;
    for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
    spread.deviation = std::sqrt(squares / (n - 1));
    return spread;
}

AblationSummary summary_of(const AblationRecord& record, const FindOutcome& find) {
    AblationSummary summary = {record, {}};
    for (size_t v = 0; v < record.plan.variants.size(); ++v) {
        VariantSummary row = summary_of(record, v, find);
        if (row.planned > 0) summary.variants.push_back(std::move(row));
    }
    return summary;
}

std::string spread_text(const Spread& spread) {
    if (spread.n == 0) return "-";
    if (spread.n == 1) return fmt::format("{:.2f}", spread.mean);
    return fmt::format("{:.2f} ± {:.2f}", spread.mean, spread.deviation);
}

std::string as_markdown(const std::vector<AblationSummary>& summaries) {
    std::string text;
    for (const AblationSummary& summary : summaries) {
        if (!text.empty()) text += '\n';
        text += section(summary);
    }
    return text;
}

std::string as_csv(const std::vector<AblationSummary>& summaries) {
    std::string text =
        "plan,variant,runs,planned,knn,knn_deviation,projection,projection_deviation,probe,probe_deviation,loss,"
        "loss_deviation,published,published_data\n";
    for (const AblationSummary& summary : summaries) {
        for (const VariantSummary& row : summary.variants) {
            text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", csv_field(summary.record.plan.name),
                                csv_field(row.variant.label), row.runs, row.planned, csv_spread(row.knn),
                                csv_spread(row.projection), csv_spread(row.probe), csv_spread(row.loss),
                                csv_number(row.published), row.published ? csv_field(kPublishedAre) : "");
        }
    }
    return text;
}

std::string runs_as_csv(const std::vector<AblationRecord>& records, const FindOutcome& find) {
    std::string text = "plan,variant,seed,folder,knn,projection,probe,loss\n";
    for (const AblationRecord& record : records) {
        for (const RecordedRun& run : record.runs) {
            const RunOutcome outcome = find(run.key).value_or(RunOutcome());
            text += fmt::format("{},{},{},runs/{},{},{},{},{}\n", csv_field(record.plan.name),
                                csv_field(record.plan.variants[run.variant].label), run.seed, run.key,
                                csv_number(outcome.knn), csv_number(outcome.projection), csv_number(outcome.probe),
                                csv_number(outcome.loss));
        }
    }
    return text;
}

}  // namespace moco
