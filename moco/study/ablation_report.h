// The files that an ablation leaves for people: tables and pictures of everything that its folder holds.
#pragma once

#include <filesystem>
#include <vector>

#include "moco/study/ablation_table.h"

namespace moco {

/// Writes OUT/table.md, table.csv, runs.csv and the charts of all plans that the folders `from` hold, those of one name
/// as one; of equal runs the first finished one counts. Throws Error as read_records, merged and AtomicFile.
std::vector<AblationSummary> write_ablation_report(const std::filesystem::path& out,
                                                   const std::vector<std::filesystem::path>& from);

}  // namespace moco
