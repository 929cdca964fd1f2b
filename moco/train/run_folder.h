// A run's folder: made for a fresh run, found again by a resume.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "moco/train/run_lock.h"
#include "moco/train/settings/layers.h"
#include "moco/train/settings/train_settings.h"

namespace moco {

/// fresh: the run folder must not hold a run yet. resume: go on from its checkpoint-last.safetensors (from the first
/// step if the run was killed before it wrote one, which is before its log has a line of a step).
enum class RunStart { fresh, resume };

/// Names within a run folder.
inline constexpr const char* kConfigFile = "config.toml";
inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kLastCheckpoint = "checkpoint-last.safetensors";
/// Held while a run writes (run_lock.h).
inline constexpr const char* kLockFile = "lock";
/// Where evaluations put their results, a folder each.
inline constexpr const char* kEvaluations = "eval";

/// The folder of this run: --out, else runs/PRESET.
std::filesystem::path run_folder(const TrainSettings& settings);

/// The folder of a run that writes, locked against others. Until keep() is called, that of a fresh run goes away with
/// this object: the files and folders that the run made, and nothing else.
class RunFolder {
  public:
    /// fresh: makes run_folder(settings). Throws Error if a fresh run finds a run there, if a resume finds none or one
    /// whose checkpoint was taken away, if another process writes there (it is named), or if the folder cannot be made.
    RunFolder(const TrainSettings& settings, RunStart start);
    RunFolder(const RunFolder&) = delete;
    RunFolder& operator=(const RunFolder&) = delete;
    ~RunFolder();

    /// Writes config.toml.
    void write_settings(const SettingTable& table, std::string_view command) const;
    /// `file` is the run's.
    void made(const std::filesystem::path& file) { files_.push_back(file); }
    /// From now on there is something to go on from.
    void keep() { kept_ = true; }
    bool kept() const { return kept_; }

  private:
    RunFolder(std::filesystem::path path, bool kept) : path_(std::move(path)), kept_(kept) {}
    void make();

    std::filesystem::path path_;
    bool kept_;
    std::vector<std::filesystem::path> files_, folders_;  // that the run made; folders: the deepest first
    std::optional<RunLock> lock_;
};

/// Whether a checkpoint-last.safetensors lies there.
bool has_checkpoint(const std::filesystem::path& folder);

/// "checkpoint-epoch-0010.safetensors".
std::string kept_checkpoint_name(int64_t epoch);

/// The text of the folder's config.toml. Throws Error if the folder holds no run, or one that another command trains
/// (it is named).
std::string settings_of_run(const std::filesystem::path& folder, std::string_view command);

/// The settings with which the run in `folder` goes on: its config.toml, changed by `flags` as far as a resume may
/// (threads, workers, device, augment-on, more epochs, more steps). Throws Error with both values otherwise, and where
/// config.toml is not whole.
template <typename S>
S resume_settings(const std::filesystem::path& folder, const GivenFlags& flags) {
    S settings;
    const SettingTable table = table_of(settings);
    const std::string text = settings_of_run(folder, S::command), file = (folder / kConfigFile).string();
    from_toml(table, S::command, text, file);
    check_whole(table, text, file);
    settings.run.out = folder.string();
    apply_to_resumed(table, flags);
    return settings;
}

}  // namespace moco
