#include "moco/study/ablation_pool.h"

#include "core/error.h"
#include "moco/train/checkpoint.h"
#include "moco/train/run_folder.h"

namespace moco {
namespace {

namespace fs = std::filesystem;

PretrainSettings settings_in(const fs::path& config) {
    PretrainSettings settings;
    from_toml(table_of(settings), PretrainSettings::command, read_settings(config), config.string());
    return settings;
}

/// Files of the run itself; what evaluations left beside goes with them. The lock stays.
void copy_run(const fs::path& from, const fs::path& to) {
    const fs::path part = to.string() + ".part";
    std::error_code failed;
    fs::remove_all(part, failed);
    fs::create_directories(to.parent_path(), failed);
    fs::copy(from, part, fs::copy_options::recursive, failed);
    check(!failed, "--adopt: {} cannot be copied to {}: {}", from.string(), to.string(), failed.message());
    fs::remove(part / kLockFile, failed);
    fs::remove_all(to, failed);
    fs::rename(part, to, failed);
    check(!failed, "--adopt: {} cannot be put in its place: {}", to.string(), failed.message());
}

/// The wanted run that `config` describes, or null.
const PlannedRun* wanted_by(const fs::path& config, const std::vector<PlannedRun>& wanted) {
    if (task_of_toml(read_settings(config), config.string()) != PretrainSettings::command) return nullptr;
    const std::string key = run_key(settings_in(config));
    for (const PlannedRun& run : wanted) {
        if (run.key == key) return &run;
    }
    return nullptr;
}

}  // namespace

RunProgress progress_of(const fs::path& folder, const PretrainSettings& settings) {
    std::error_code ignored;
    if (!fs::exists(folder / kConfigFile, ignored)) return {};
    if (!has_checkpoint(folder)) return {RunState::started, 0};
    try {
        const CheckpointInfo info = read_checkpoint_info(folder / kLastCheckpoint);
        const int64_t most = settings.run.max_steps;
        const bool done = info.epoch >= settings.optimizer.epochs || (most > 0 && info.step >= most);
        return {done ? RunState::done : RunState::started, info.epoch};
    } catch (const Error&) {
        return {RunState::started, 0};
    }
}

bool is_finished(const fs::path& folder) {
    std::error_code ignored;
    if (!fs::exists(folder / kConfigFile, ignored)) return false;
    return progress_of(folder, settings_in(folder / kConfigFile)).state == RunState::done;
}

fs::path pooled_run(const fs::path& dir, const std::string& key) {
    return dir / "runs" / key;
}

Adoption adopt(const fs::path& from, const fs::path& dir, const std::vector<PlannedRun>& wanted) {
    check(fs::is_directory(from), "--adopt {}: there is no such folder", from.string());
    std::vector<fs::path> configs;  // all of them first: copies may come to lie below `from` too
    for (const auto& entry : fs::recursive_directory_iterator(from, fs::directory_options::skip_permission_denied)) {
        if (entry.path().filename() == kConfigFile) configs.push_back(entry.path());
    }
    Adoption adoption;
    for (const fs::path& config : configs) {
        const PlannedRun* run = nullptr;
        try {
            run = wanted_by(config, wanted);
        } catch (const Error& error) {
            adoption.notes.push_back(error.what());
        }
        if (run == nullptr || progress_of(config.parent_path(), run->settings).state != RunState::done) continue;
        const fs::path to = pooled_run(dir, run->key);
        if (progress_of(to, run->settings).state == RunState::done) continue;
        copy_run(config.parent_path(), to);
        ++adoption.adopted;
    }
    return adoption;
}

}  // namespace moco
