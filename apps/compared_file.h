// Which files `moco compare` means, and what they are called in its tables.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace moco::apps {

struct ComparedFile {
    std::filesystem::path path;
    std::string name;  // "v1", "v1@10"; unlike all others; no slash
};

/// named: run folders (their last checkpoint), RUN@EPOCH (the checkpoint after so many epochs), or files. Throws Error
/// where a run has no checkpoint of an epoch, telling those that it has.
std::vector<ComparedFile> compared_files(const std::vector<std::string>& named);

}  // namespace moco::apps
