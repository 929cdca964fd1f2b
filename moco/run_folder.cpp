// What lies in a run's folder, and the rules for writing into it.
#include "moco/run_folder.h"

#include <system_error>

#include "core/error.h"
#include "moco/config_lookup.h"
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

fs::path run_folder(const RunConfig& config) {
    return config.out.empty() ? fs::path("runs") / config.preset : fs::path(config.out);
}

bool has_checkpoint(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / kLastCheckpoint, ignored);
}

std::string kept_checkpoint_name(int64_t epoch) {
    return fmt::format("checkpoint-epoch-{:04}.safetensors", epoch);
}

RunConfig resume_config(const fs::path& folder, const std::vector<std::pair<std::string, std::string>>& flags) {
    check_holds_run(folder);
    const fs::path file = folder / kConfigFile;
    RunConfig config;
    from_toml(config, read_settings(file), file.string());
    config.out = folder.string();
    return config_for_resume(config, flags);
}

fs::path prepare_run_folder(const RunConfig& config, RunStart start) {
    const fs::path folder = run_folder(config);
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
    write_file_atomically(folder / kConfigFile, to_toml(config));
    return folder;
}

}  // namespace moco
