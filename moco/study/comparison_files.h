// What a comparison leaves in a folder (docs/file-formats.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "moco/study/comparison.h"

namespace moco {

/// comparison.json, cka.csv, cka.png, stages.csv, spectra.csv, and where classes are known errors.csv. The folder is
/// made if need be. Throws Error naming what cannot be written. Returns the files' names.
std::vector<std::string> write_comparison(const std::filesystem::path& folder, const Comparison& comparison);

}  // namespace moco
