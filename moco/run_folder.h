// A run's folder: made for a fresh run, found again by a resume.
#pragma once

#include <filesystem>

#include "moco/config.h"
#include "moco/trainer.h"

namespace moco {

/// Makes run_folder(config) ready and writes config.toml. Throws Error if a fresh run finds a run there, if a resume
/// finds none, or if the folder cannot be written.
std::filesystem::path prepare_run_folder(const RunConfig& config, RunStart start);

/// Whether a checkpoint-last.safetensors lies there.
bool has_checkpoint(const std::filesystem::path& folder);

/// "checkpoint-epoch-0010.safetensors".
std::string kept_checkpoint_name(int64_t epoch);

}  // namespace moco
