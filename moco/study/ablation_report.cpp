#include "moco/study/ablation_report.h"

#include "moco/study/ablation_charts.h"
#include "moco/study/ablation_pool.h"
#include "nn/atomic_file.h"

namespace moco {

std::vector<AblationSummary> write_ablation_report(const std::filesystem::path& out,
                                                   const std::vector<std::filesystem::path>& from) {
    std::vector<AblationRecord> records;
    for (const std::filesystem::path& dir : from) {
        for (AblationRecord& record : read_records(dir)) records.push_back(std::move(record));
    }
    records = merged(records);
    const FindOutcome find = [&from](const std::string& key) -> std::optional<RunOutcome> {
        for (const std::filesystem::path& dir : from) {
            if (is_finished(pooled_run(dir, key))) return outcome_of(pooled_run(dir, key));
        }
        return std::nullopt;
    };
    std::vector<AblationSummary> summaries;
    for (const AblationRecord& record : records) summaries.push_back(summary_of(record, find));
    for (const AblationSummary& summary : summaries) {
        for (const AblationChart& chart : charts_of(summary))
            write_file_atomically(out / chart.file, as_svg(chart.chart));
    }
    write_file_atomically(out / "table.md", as_markdown(summaries));
    write_file_atomically(out / "table.csv", as_csv(summaries));
    write_file_atomically(out / "runs.csv", runs_as_csv(records, find));
    return summaries;
}

}  // namespace moco
