// libFuzzer's way into every reader of files of weights: whatever the bytes are, they are read or refused with Error.
#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "moco/interchange/found_network.h"
#include "moco/interchange/open_tensors.h"
#include "tests/fuzz/scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const std::string path = moco::testing::scratch_file("weights", {bytes, size});
    try {
        const auto file = moco::open_tensors(path);
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
