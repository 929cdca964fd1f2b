// DIR/plans/NAME.json: what an ablation compares and which runs belong to it, for its table and for those who join
// parts that were run on several machines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "moco/study/ablation_runs.h"

namespace moco {

struct RecordedRun {
    size_t variant = 0;
    uint64_t seed = 0;
    std::string key;
};

struct AblationRecord {
    AblationPlan plan;
    std::string data;    // --data of the first run
    std::string common;  // what all variants share, as flags: "--preset fashion --epochs 20"
    int64_t epochs = 0;  // of the first run
    std::vector<RecordedRun> runs;
};

AblationRecord record_of(const AblationPlan& plan, const PlannedRuns& planned, std::string common);

/// Writes DIR/plans/NAME.json. Throws Error naming what cannot be written.
void write_record(const std::filesystem::path& dir, const AblationRecord& record);

/// Those of DIR, by name. Throws Error naming a file that is damaged.
std::vector<AblationRecord> read_records(const std::filesystem::path& dir);

/// One record of each name, with the variants and runs of all. Throws Error where two of one name have other axes or
/// other settings, so that their runs cannot stand in one table.
std::vector<AblationRecord> merged(const std::vector<AblationRecord>& records);

}  // namespace moco
