// What lies in a run's folder, and the rules for writing into it.
#include "moco/train/run_folder.h"

#include <system_error>

#include "core/error.h"
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
    check(theirs == command, "--resume {0}: this is a run of `moco {1}`: `moco {1} --resume {0}` goes on with it",
          folder.string(), theirs);
    return text;
}

fs::path prepare_run_folder(const TrainSettings& settings, const SettingTable& table, std::string_view command,
                            RunStart start) {
    const fs::path folder = run_folder(settings);
    std::error_code error;
    if (start == RunStart::resume) {
        check_holds_run(folder);
    } else {
        check(!fs::exists(folder / kConfigFile, error) && !has_checkpoint(folder),
              "{} already holds a run: `--resume {}` goes on with it, `--out` names another folder", folder.string(),
              folder.string());
        fs::create_directories(folder, error);
        check(!error, "--out {}: the folder cannot be made: {}", folder.string(), error.message());
    }
    write_file_atomically(folder / kConfigFile, to_toml(table, command));
    return folder;
}

}  // namespace moco
