// Files for readers that want a path: what a fuzzer makes up must lie somewhere.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace moco::testing {

/// A folder of this process, in memory where the system has such a place. Stays behind when the process is killed.
inline const std::string& scratch_folder() {
    static const std::string name = [] {
        const bool memory = std::filesystem::is_directory("/dev/shm");
        std::string folder = std::string(memory ? "/dev/shm" : "/tmp") + "/moco-fuzz-" + std::to_string(getpid());
        std::filesystem::create_directories(folder);
        return folder;
    }();
    return name;
}

/// Writes `bytes` to the file of that name in it, in the place of what was there. Returns its path.
inline std::string scratch_file(const std::string& name, std::span<const uint8_t> bytes) {
    const std::string path = scratch_folder() + "/" + name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path;
}

}  // namespace moco::testing
