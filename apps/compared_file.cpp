#include "apps/compared_file.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "apps/evaluation.h"
#include "core/error.h"
#include "core/parse.h"
#include "moco/train/checkpoint.h"
#include "moco/train/run_folder.h"

namespace moco::apps {
namespace {

namespace fs = std::filesystem;

const std::string kEpochPrefix = "checkpoint-epoch-";

/// The epoch of a file "checkpoint-epoch-0010.safetensors".
std::optional<int64_t> epoch_of(const fs::path& file) {
    const std::string stem = file.stem().string();
    if (!stem.starts_with(kEpochPrefix)) return std::nullopt;
    return parse_number<int64_t>(stem.substr(kEpochPrefix.size()));
}

/// Epochs whose checkpoints were kept, and that of the last one.
std::vector<int64_t> epochs_in(const fs::path& run) {
    std::vector<int64_t> epochs;
    for (const auto& entry : fs::directory_iterator(run)) {
        if (const auto epoch = epoch_of(entry.path())) epochs.push_back(*epoch);
    }
    if (fs::is_regular_file(run / kLastCheckpoint)) {
        epochs.push_back(read_checkpoint_info(run / kLastCheckpoint).epoch);
    }
    std::sort(epochs.begin(), epochs.end());
    epochs.erase(std::unique(epochs.begin(), epochs.end()), epochs.end());
    return epochs;
}

fs::path file_of_epoch(const std::string& named, const fs::path& run, int64_t epoch) {
    const fs::path kept = run / kept_checkpoint_name(epoch);
    if (fs::is_regular_file(kept)) return kept;
    const std::vector<int64_t> epochs = epochs_in(run);
    check(std::binary_search(epochs.begin(), epochs.end(), epoch),
          "{}: the run has no checkpoint of that epoch, only of {}; --keep-every keeps more", named,
          epochs.empty() ? std::string("none") : fmt::format("{}", fmt::join(epochs, ", ")));
    return run / kLastCheckpoint;
}

/// What a folder is called, "." too.
std::string name_of_folder(const fs::path& folder) {
    const fs::path whole = fs::absolute(folder).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::string name_of_file(const fs::path& file) {
    const std::string folder = name_of_folder(file.parent_path().empty() ? "." : file.parent_path());
    if (file.filename() == kLastCheckpoint) return folder;
    if (const auto epoch = epoch_of(file)) return fmt::format("{}@{}", folder, *epoch);
    return file.stem().string();
}

ComparedFile compared_file(const std::string& named) {
    const size_t at = named.rfind('@');
    if (at != std::string::npos && !fs::exists(named)) {
        const fs::path run = named.substr(0, at);
        const std::optional<int64_t> epoch = parse_number<int64_t>(named.substr(at + 1));
        if (epoch && fs::is_directory(run)) {
            return {file_of_epoch(named, run, *epoch), fmt::format("{}@{}", name_of_folder(run), *epoch)};
        }
    }
    const fs::path path = checkpoint_file(named);
    return {path, name_of_file(path)};
}

}  // namespace

std::vector<ComparedFile> compared_files(const std::vector<std::string>& named) {
    std::vector<ComparedFile> files;
    for (const std::string& one : named) files.push_back(compared_file(one));
    const std::vector<ComparedFile> plain = files;
    for (size_t i = 0; i < files.size(); ++i) {
        const auto has_its_name = [&](const ComparedFile& other) { return other.name == plain[i].name; };
        if (std::count_if(plain.begin(), plain.end(), has_its_name) > 1) files[i].name += fmt::format("-{}", i + 1);
    }
    return files;
}

}  // namespace moco::apps
