// Linux tells it in three places: sched_getaffinity, /proc/self/cgroup (which groups), /proc/self/mountinfo (where they
// are mounted). Elsewhere there is only the number of cores.
#include "core/cores.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace moco {
namespace {

namespace fs = std::filesystem;

#if defined(__linux__)
int cores_allowed(int host) {
    // The kernel refuses sets smaller than its own, whatever they hold.
    for (int room = 1024; room <= (1 << 20); room *= 2) {
        cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(room));
        if (set == nullptr) return host;
        const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(room));
        const bool known = sched_getaffinity(0, bytes, set) == 0;
        const bool too_small = !known && errno == EINVAL;
        const int count = known ? CPU_COUNT_S(bytes, set) : host;
        CPU_FREE(set);
        if (!too_small) return count;
    }
    return host;
}
#else
int cores_allowed(int host) {
    return host;
}
#endif

/// Whether `list`, as "cpu,cpuacct", names the controller of processor time.
bool names_cpu(const std::string& list) {
    return ("," + list + ",").find(",cpu,") != std::string::npos;
}

/// A hierarchy of control groups: which group of it is mounted, and where.
struct Mount {
    std::string group, place;
};

/// The mounts of version 2, or of version 1's controller of processor time.
std::vector<Mount> mounts(const fs::path& root, bool version_2) {
    std::vector<Mount> found;
    std::ifstream file(root / "proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        // ID PARENT DEVICE GROUP PLACE OPTIONS [more] - TYPE SOURCE OPTIONS_OF_TYPE
        const size_t dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        std::istringstream before(line), after(line.substr(dash + 3));
        std::string skipped, type, options;
        Mount mount;
        before >> skipped >> skipped >> skipped >> mount.group >> mount.place;
        after >> type >> skipped >> options;
        if (version_2 ? type == "cgroup2" : type == "cgroup" && names_cpu(options)) found.push_back(mount);
    }
    return found;
}

/// The process' group in version 2, or in version 1's hierarchy of processor time; "" if there is none.
std::string group_of_process(const fs::path& root, bool version_2) {
    std::ifstream file(root / "proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {
        // HIERARCHY:CONTROLLERS:GROUP
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (version_2 ? controllers.empty() : names_cpu(controllers)) return line.substr(second + 1);
    }
    return "";
}

/// "100000" as 100000; nothing for "max", for -1 and for files that are not there.
std::optional<int64_t> positive(const std::string& word) {
    std::istringstream text(word);
    int64_t value = 0;
    if (!(text >> value) || value <= 0) return std::nullopt;
    return value;
}

std::string first_line(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// What one group grants, in cores rounded up; 0: all.
int quota_of_group(const fs::path& folder, bool version_2) {
    std::string quota, period;
    if (version_2) {
        std::istringstream(first_line(folder / "cpu.max")) >> quota >> period;
    } else {
        quota = first_line(folder / "cpu.cfs_quota_us");
        period = first_line(folder / "cpu.cfs_period_us");
    }
    const std::optional<int64_t> time = positive(quota), of = positive(period);
    return time && of ? static_cast<int>(std::min<int64_t>((*time + *of - 1) / *of, 1 << 20)) : 0;
}

/// `group` as seen from a mount of `mounted`: below it, or, where the container does not see its own group, the mount.
std::string below(const std::string& group, const std::string& mounted) {
    if (mounted == "/") return group;
    const bool inside = group.compare(0, mounted.size(), mounted) == 0 &&
                        (group.size() == mounted.size() || group[mounted.size()] == '/');
    return inside ? group.substr(mounted.size()) : "";
}

int least(int a, int b) {
    return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b);
}

int quota_of_version(const fs::path& root, bool version_2) {
    const std::string group = group_of_process(root, version_2);
    if (group.empty()) return 0;
    int quota = 0;
    for (const Mount& mount : mounts(root, version_2)) {
        const fs::path top = root / fs::path(mount.place).relative_path();
        fs::path folder = fs::path(below(group, mount.group)).relative_path();
        // A group has no more than the ones above it.
        for (; !folder.empty(); folder = folder.parent_path()) {
            quota = least(quota, quota_of_group(top / folder, version_2));
        }
        quota = least(quota, quota_of_group(top, version_2));
    }
    return quota;
}

}  // namespace

int Cores::usable() const {
    return std::max(1, least(std::min(host, allowed), quota));
}

Cores cores() {
    Cores found;
    found.host = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    found.allowed = cores_allowed(found.host);
    found.quota = quota_of_control_groups("/");
    return found;
}

int quota_of_control_groups(const fs::path& root) {
    return least(quota_of_version(root, true), quota_of_version(root, false));
}

}  // namespace moco
