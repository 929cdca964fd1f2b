// A run's state in one safetensors file, in PyTorch's layouts.
//
// Tensors: encoder_q.* and encoder_k.* (torchvision's names), queue (C x K), queue_ptr (1, i64), optimizer.* (momenta,
// named like the parameters). Metadata: format, config (the settings that decide results), data, progress, instruction
// set, which backend made the views, and what the device chose by itself (tuning), where it did.
// No times, paths, thread or worker counts: equal runs write equal bytes. docs/file-formats.md has the details.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/backend.h"
#include "moco/config.h"

namespace moco {

struct Moco;
class ResNet;

/// How far a run has come.
struct TrainingProgress {
    int64_t epoch = 0;      // epochs whose end (kNN, log line) is done
    int64_t step = 0;       // steps done in all
    int64_t log_lines = 0;  // lines of metrics.jsonl that belong to these steps
    double epoch_loss = 0;  // sums over the current epoch's steps
    double epoch_accuracy = 0;
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

/// Writes everything a resume needs, atomically: `path` holds the old file or the new one, whole, at any moment.
/// Throws Error naming the file when it cannot be written.
void save_checkpoint(const std::filesystem::path& path, const Moco& moco, const RunConfig& config,
                     const TrainedOn& trained_on, const TrainingProgress& progress);

/// Fills `moco` from the file. Throws Error naming the file: it is none of ours, it is damaged, or a tensor has another
/// shape (both are named).
TrainingProgress load_checkpoint(const std::filesystem::path& path, Moco& moco);

/// What a checkpoint is, read from its header alone.
struct CheckpointInfo {
    bool moco = false;  // false: a bare file of weights in torchvision's naming
    // The rest of a checkpoint of ours:
    RunConfig config;  // the settings that decide results (Decides::method)
    TrainedOn trained_on;
    TrainingProgress progress;
    std::string instruction_set;
    std::string tuning;         // Backend::tuning of the device that wrote it; empty where it has none
    std::string views_made_on;  // the backend that made the views: "cpu", "cuda"; empty in files that do not say it
    // Of every file:
    int64_t tensors = 0;
    int64_t parameters = 0;  // of one encoder
    int64_t bytes = 0;       // of the file
};
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

/// What a bare file does not tell. Ignored for checkpoints of ours.
struct BareFileHints {
    std::optional<std::string> arch;  // required
    std::optional<std::string> stem;  // of a 3x3 first convolution: cifar (default) or cifar-s2
};

/// An encoder for evaluation, in eval mode: f_q of a checkpoint of ours, or a bare safetensors file in torchvision's
/// naming, whose head (fc.*) may be absent or of any size. Throws Error naming the file and what does not fit.
std::unique_ptr<ResNet> load_encoder(const std::filesystem::path& path, const BareFileHints& hints, Backend& backend);

/// Warm start (--init): parameters and statistics of f_q, or of a bare file, into both encoders; the queue and the
/// optimizer start anew. A bare file's head is not used. Throws Error naming the file and what does not fit.
void warm_start(const std::filesystem::path& path, Moco& moco);

}  // namespace moco
