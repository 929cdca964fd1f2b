// The most memory that this process has had, as Linux counts it.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace moco::testing {

/// Bytes in memory at the highest point since the last peak_memory_from_now(), or -1 where the system does not say.
inline int64_t peak_memory() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return 1024 * std::stoll(line.substr(6));
    }
    return -1;
}

/// Forgets earlier peaks; returns what is in memory now.
inline int64_t peak_memory_from_now() {
    std::ofstream("/proc/self/clear_refs") << "5";
    return peak_memory();
}

/// Whether a sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kFreedMemoryIsKept = true;
#else
inline constexpr bool kFreedMemoryIsKept = false;
#endif

}  // namespace moco::testing
