// Settings: the run itself, what it keeps, and the machine that computes it.
#pragma once

#include <filesystem>
#include <string>

#include "core/dims.h"
#include "moco/train/settings/table.h"

namespace moco {

class Backend;

struct RunSettings {
    uint64_t seed = 0;
    std::string conv = "auto";           // how convolutions are computed: auto (by shape), direct, winograd
    std::string precision = "f32";       // what training computes in: f32, tf32, bf16 (core/dims.h)
    std::string out;                     // run folder; empty: runs/PRESET
    std::string init;                    // weights to start from (warm start); empty: none
    int64_t max_steps = 0;               // stop after so many steps in all; 0: no limit
    int64_t checkpoint_every_steps = 0;  // besides the one at each epoch's end; 0: none
    int64_t keep_every = 0;              // epochs between checkpoints that are kept; 0: only the last
    int64_t log_every = 10;              // steps between lines of metrics.jsonl

    bool operator==(const RunSettings&) const = default;
};

/// Nothing here changes more of a result than the rounding.
struct MachineSettings {
    std::string device = "auto";        // auto, cpu, cuda
    std::string augment_on = "device";  // where views are made: device (the one that trains), cpu; from the same draws
    bool cuda_graph = false;            // replay the step as one CUDA graph
    int64_t threads = 0;                // compute threads; 0: one per usable core
    int64_t workers = 1;                // loader threads; 0: load within the training thread

    bool operator==(const MachineSettings&) const = default;
};

/// The row of log_every, in the group that is open.
void add_log_row(SettingTable& table, RunSettings& run);
/// What a run starts from, as a row of --help.
struct InitRow {
    std::string_view help;
    std::string_view name = "init";
};
/// All other rows.
void add_rows(SettingTable& table, RunSettings& run, const InitRow& init);
void add_rows(SettingTable& table, MachineSettings& machine);

/// Throw Error, one sentence naming the flags, for what cannot work.
void validate(const RunSettings& run);
void validate(const MachineSettings& machine);

/// Makes a device compute as the run says. Throws Error naming the flag where it cannot.
void configure(Backend& backend, const RunSettings& run);

}  // namespace moco
