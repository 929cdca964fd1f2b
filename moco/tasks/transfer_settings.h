// What the tasks that start from a trained encoder share: which one, and what it decides.
#pragma once

#include <cstdint>
#include <string_view>

#include "moco/train/settings/train_settings.h"

namespace moco {

/// Architecture, stem, width and image size are those of the checkpoint (TrainSettings::run.init, the flag
/// --checkpoint). They are kept with the run, so that a resume needs no source file.
struct TransferSettings : TrainSettings {
    TransferSettings();

    bool untrained = false;  // the same network as it starts, for comparison
    double val_share = 0;    // of the labelled training images, held out from training
    int64_t eval_every = 1;  // epochs between evaluations; 0: only after the last

    bool operator==(const TransferSettings&) const = default;
};

/// The rows of data, views and network, and which weights to start from.
void add_source_rows(SettingTable& table, TransferSettings& settings);
/// The rows of how the run is watched, the run itself and the machine.
void add_run_rows(SettingTable& table, TransferSettings& settings);
/// Throws Error, one sentence naming the flags, for what cannot work.
void validate(const TransferSettings& settings);

/// Of a fresh run: takes from the checkpoint what it decides, and puts the run into RUN/eval/`command` where it comes
/// from a run folder and nothing is said (`command`-2, ... where one is there already). Throws Error if the checkpoint
/// is missing, unreadable, or of another architecture than the settings name.
void take_from_checkpoint(TransferSettings& settings, std::string_view command);

}  // namespace moco
