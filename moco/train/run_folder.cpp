// What lies in a run's folder, and the rules for writing into it.
#include "moco/train/run_folder.h"

#include <fstream>
#include <system_error>

#include "core/error.h"
#include "core/shell_word.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

namespace fs = std::filesystem;

void check_holds_run(const fs::path& folder) {
    std::error_code ignored;
    check(fs::is_directory(folder, ignored), "--resume {}: there is no such folder", folder.string());
    check(fs::exists(folder / kConfigFile, ignored), "--resume {}: the folder holds no run ({} is missing)",
          folder.string(), kConfigFile);
}

/// Whether the log has a line of a step, of which there is none before the first checkpoint (only the baselines').
bool log_has_steps(const fs::path& folder) {
    std::ifstream log(folder / kMetricsFile, std::ios::binary);
    for (std::string line; std::getline(log, line);) {
        if (!line.empty() && line.find(R"("type":"baselines")") == std::string::npos) return true;
    }
    return false;
}

void check_holds_none(const fs::path& folder) {
    std::error_code ignored;
    check(!fs::exists(folder / kConfigFile, ignored) && !has_checkpoint(folder),
          "{} already holds a run: `--resume {}` goes on with it, `--out` names another folder", folder.string(),
          for_shell(folder.string()));
    check(!log_has_steps(folder), "{} already holds the log of a run ({}): `--out` names another folder",
          folder.string(), kMetricsFile);
}

void check_can_go_on(const fs::path& folder) {
    check_holds_run(folder);
    check(has_checkpoint(folder) || !log_has_steps(folder),
          "--resume {}: {} is missing, and {} has lines of steps that it held: put it back, or a copy of a kept "
          "checkpoint in its place, or begin a new run with another --out",
          folder.string(), kLastCheckpoint, kMetricsFile);
}

}  // namespace

fs::path run_folder(const TrainSettings& settings) {
    return settings.run.out.empty() ? fs::path("runs") / settings.preset : fs::path(settings.run.out);
}

bool has_checkpoint(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / kLastCheckpoint, ignored);
}

std::string kept_checkpoint_name(int64_t epoch) {
    return fmt::format("checkpoint-epoch-{:04}.safetensors", epoch);
}

std::string settings_of_run(const fs::path& folder, std::string_view command) {
    check_holds_run(folder);
    const fs::path file = folder / kConfigFile;
    std::string text = read_settings(file);
    const std::string theirs = task_of_toml(text, file.string());
    check(theirs == command, "--resume {0}: this is a run of `moco {1}`: `moco {1} --resume {2}` goes on with it",
          folder.string(), theirs, for_shell(folder.string()));
    return text;
}

RunFolder::RunFolder(const TrainSettings& settings, RunStart start)
    : RunFolder(run_folder(settings), start == RunStart::resume) {
    if (start == RunStart::resume) {
        check_holds_run(path_);
        lock_.emplace(path_);
        check_can_go_on(path_);
        return;
    }
    make();
    lock_.emplace(path_);
    check_holds_none(path_);
    for (const char* name : {kConfigFile, kMetricsFile, kLastCheckpoint}) made(path_ / name);
}

void RunFolder::make() {
    std::error_code error;
    for (fs::path folder = path_; !folder.empty() && !fs::exists(folder, error); folder = folder.parent_path()) {
        folders_.push_back(folder);
    }
    fs::create_directories(path_, error);
    check(!error, "--out {}: the folder cannot be made: {}", path_.string(), error.message());
}

RunFolder::~RunFolder() {
    std::error_code ignored;
    if (!kept_) {
        for (const fs::path& file : files_) fs::remove(file, ignored);
    }
    lock_.reset();
    if (!kept_) {
        for (const fs::path& folder : folders_) fs::remove(folder, ignored);  // does nothing if it holds something
    }
}

void RunFolder::write_settings(const SettingTable& table, std::string_view command) const {
    write_file_atomically(path_ / kConfigFile, to_toml(table, command));
}

}  // namespace moco
