// libFuzzer's way into every reader of files of weights: whatever the bytes are, they are read or refused with Error.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/error.h"
#include "moco/interchange/found_network.h"
#include "moco/interchange/open_tensors.h"

namespace {

/// In memory, where there is such a folder; one a process.
const std::string& file_name() {
    static const std::string name = [] {
        const bool memory = std::filesystem::is_directory("/dev/shm");
        return std::string(memory ? "/dev/shm" : "/tmp") + "/moco-weights-fuzz-" + std::to_string(getpid());
    }();
    return name;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    std::ofstream(file_name(), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    try {
        const auto file = moco::open_tensors(file_name());
        for (const moco::TensorEntry& entry : file->entries()) {
            if (entry.bytes > size * 64 + (64 << 20)) std::abort();  // more than any honest file makes of its bytes
            std::vector<std::byte> elements(entry.bytes);
            file->read(entry, elements.data());
        }
        moco::find_network(*file, moco::WhichEncoder::usual);
    } catch (const moco::Error&) {
    }
    return 0;
}
