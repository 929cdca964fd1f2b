// Ablations of runs that take a second.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/apps/program.h"

namespace moco::testing {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// Flags of pretraining: 4 steps an epoch, two epochs.
inline const Words kShared = {
    "--preset",    "fashion", "--data",     "shapes:64", "--width",           "8",  "--batch-size", "16",
    "--moco-k",    "40",      "--moco-dim", "16",        "--image-size",      "16", "--knn-every",  "1",
    "--log-every", "1",       "--epochs",   "2",         "--no-knn-baselines"};

/// `moco ablate WORDS... --out DIR -- FLAGS...`.
inline Words ablation(const fs::path& dir, Words words, const Words& more = {}) {
    words.insert(words.begin(), "ablate");
    words.insert(words.end(), {"--out", dir, "--threads", "2", "--"});
    words.insert(words.end(), kShared.begin(), kShared.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

/// The run folders of an ablation.
inline std::vector<fs::path> runs_in(const fs::path& dir) {
    std::vector<fs::path> runs;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(dir / "runs", none)) runs.push_back(entry.path());
    std::sort(runs.begin(), runs.end());
    return runs;
}

}  // namespace moco::testing
