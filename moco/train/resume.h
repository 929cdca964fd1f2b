// Whether a checkpoint may go on as the run that its folder describes.
#pragma once

#include <filesystem>
#include <string>

#include "moco/data/make_views.h"
#include "moco/train/checkpoint.h"
#include "moco/train/settings/run.h"
#include "moco/train/settings/table.h"
#include "moco/train/task.h"
#include "nn/schedule.h"

namespace moco {

/// The header of the checkpoints that a run writes. names: of the images' files.
CheckpointHeader header_of_run(const std::string& command, const SettingTable& table, const Task& task,
                               const ViewBackends& backends, const std::string& names);

/// Holds the settings of a run against those of its checkpoint; a run may only have become longer. Throws Error with
/// both values of what differs.
void check_same_run(const std::filesystem::path& file, const CheckpointHeader& then, const SettingTable& now,
                    const TrainedOn& trained_on);

/// Throws Error where a run is to end, by --max-steps, before the step that its checkpoint holds.
void check_not_beyond(const std::filesystem::path& file, int64_t step, const RunSettings& run);

/// A sentence where a run with a cosine schedule was made longer, so that its rate goes up after `step` steps; else
/// empty.
std::string longer_cosine(const std::filesystem::path& file, const CheckpointHeader& then, const Schedule& now,
                          int64_t step, int64_t steps_per_epoch);

/// A sentence that says why the run would have gone on to other bits where it was; empty if it goes on to the same.
std::string other_bits(const std::filesystem::path& file, const CheckpointHeader& then, const ViewBackends& now);

/// A sentence that says that the run would go on with other files than those it began with; empty if they have the same
/// names, or if either side does not tell them. names: Dataset::names_digest of what is there now.
std::string other_files(const std::filesystem::path& file, const CheckpointHeader& then, const std::string& names);

}  // namespace moco
