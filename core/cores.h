// How many threads can compute at the same time here: cores of the machine, less what this process may not use.
#pragma once

#include <filesystem>

namespace moco {

struct Cores {
    int host = 1;     // of the machine
    int allowed = 1;  // that the process may run on (taskset, cpusets)
    int quota = 0;    // that its control groups grant, rounded up (docker --cpus, Slurm, systemd); 0: no quota

    /// The least of them, at least 1.
    int usable() const;
};

Cores cores();

/// The quota of the control groups, versions 1 and 2, of the process itself and of those above it. `root` is where the
/// file system begins that proc and the groups are read from, "/" but for tests. 0: none, or not to be found out.
int quota_of_control_groups(const std::filesystem::path& root);

}  // namespace moco
