// A run's state in one safetensors file, in PyTorch's layouts.
//
// Tensors: encoder_q.* and encoder_k.* (torchvision's names), queue (C x K), queue_ptr (1, i64), optimizer.* (momenta,
// named like the parameters). Metadata: format, config (the settings that decide results), progress, instruction_set.
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

/// Writes everything a resume needs, atomically: `path` holds the old file or the new one, whole, at any moment.
void save_checkpoint(const std::filesystem::path& path, const Moco& moco, const RunConfig& config, int64_t in_channels,
                     const TrainingProgress& progress);
/// Fills `moco` from the file. Throws Error naming the file and both values when it is of another architecture or size.
/// `instruction_set`, if given, gets what the file was written on.
TrainingProgress load_checkpoint(const std::filesystem::path& path, Moco& moco, std::string* instruction_set = nullptr);

/// What a checkpoint is, read from its header alone.
struct CheckpointInfo {
    bool moco = false;  // false: a bare file of weights in torchvision's naming
    RunConfig config;   // settings that decide results (moco only)
    int64_t in_channels = 3;
    TrainingProgress progress;
    std::string instruction_set;
    int64_t tensors = 0, parameters = 0, bytes = 0;  // parameters: of one encoder
};
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

/// An encoder for evaluation, in eval mode: f_q of a checkpoint of ours, or a bare safetensors file in torchvision's
/// naming. `arch` is needed for a bare file (else optional); a bare file's head may be absent or of any size.
std::unique_ptr<ResNet> load_encoder(const std::filesystem::path& path, const std::optional<std::string>& arch,
                                     Backend& backend);

/// Warm start (--init): parameters and statistics of f_q into both encoders; the queue and the optimizer start anew.
void warm_start(const std::filesystem::path& path, Moco& moco);

}  // namespace moco
