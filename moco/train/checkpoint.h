// A run's state in one safetensors file, in PyTorch's layouts.
//
// Tensors: what the task shows (Task::visit). Metadata: format, task (absent: pretraining), config (the settings that
// decide results), data, progress, instruction set, which backend made the views, and what the device chose by itself
// (tuning), where it did. No times, paths, thread or worker counts: equal runs write equal bytes. docs/file-formats.md
// has the details.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "moco/data/dataset.h"
#include "moco/train/task.h"
#include "nn/safetensors.h"

namespace moco {

/// How far a run has come.
struct TrainingProgress {
    int64_t epoch = 0;         // epochs whose end (evaluation, log line) is done
    int64_t step = 0;          // steps done in all
    int64_t log_lines = 0;     // lines of metrics.jsonl that belong to these steps
    std::vector<double> sums;  // of the steps' values over the current epoch, in the order of Task::value_names()
    int64_t epoch_steps = 0;
    int64_t epoch_skipped = 0;  // unreadable images replaced in the current epoch
    bool operator==(const TrainingProgress&) const = default;
};

/// What a run trains on, as far as its checkpoints tell.
struct TrainedOn {
    std::string data;         // name of the data set, without its folder
    int64_t in_channels = 3;  // 1 or 3
    int64_t images = 0;       // in one epoch
    bool operator==(const TrainedOn&) const = default;
};

TrainedOn trained_on(const Dataset& data);

/// What a classifier's checkpoint tells of classes and images, so that it can be asked about other images.
struct ClassifierData {
    std::vector<std::string> class_names;  // none: classes are numbers
    Normalization normalization;
    int64_t H = 0, W = 0;  // of every image that it learned from; 0 where they differ
};

/// What a checkpoint holds besides tensors.
struct CheckpointHeader {
    std::string command = "pretrain";  // of the run
    std::string config;                // method_settings of the run
    TrainedOn trained_on;
    std::string instruction_set;
    std::string tuning;         // Backend::tuning of the device that wrote it; empty where it has none
    std::string views_made_on;  // the backend that made the views: "cpu", "cuda"; empty in files that do not say it
    std::string names;          // Dataset::names_digest of what the run trains on; empty where that has no files
    std::optional<ClassifierData> classifier = {};  // of tasks that learn classes
};

/// Of the data that a task classifies; nothing for null.
std::optional<ClassifierData> classifier_data(const DatasetInfo* info);

/// Writes everything a resume needs, atomically: `path` holds the old file or the new one, whole, at any moment.
/// Throws Error naming the file when it cannot be written.
void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const TrainingProgress& progress, const std::vector<ValueName>& values, const VisitState& visit);

/// The same, of tensors that the caller has.
void save_checkpoint(const std::filesystem::path& path, const CheckpointHeader& header,
                     const TrainingProgress& progress, const std::vector<ValueName>& values,
                     const std::vector<TensorItem>& tensors);

/// Fills a state from the file. Throws Error naming the file: it is none of ours, it is damaged, or a tensor has
/// another shape (both are named), nothing is changed then; or a tensor's elements are damaged or not finite.
TrainingProgress load_checkpoint(const std::filesystem::path& path, const std::vector<ValueName>& values,
                                 const VisitState& visit);

/// Whether a file is a checkpoint of ours. Throws Error naming it if it is one of a format that this program does not
/// read.
bool is_checkpoint(const TensorFile& file);
/// The header of a checkpoint of ours.
CheckpointHeader read_header(const TensorFile& file);

/// What a file is, read from its header alone.
struct CheckpointInfo {
    bool moco = false;  // false: another program's weights
    // The rest of a checkpoint of ours:
    CheckpointHeader header;
    int64_t epoch = 0, step = 0;
    // Of every file:
    int64_t tensors = 0;
    int64_t bytes = 0;  // of the file
};
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

}  // namespace moco
