#include "moco/interchange/open_tensors.h"

#include <algorithm>

#include "core/mapped_file.h"
#include "moco/interchange/numpy_file.h"
#include "moco/interchange/pickle_file.h"
#include "nn/npy_header.h"
#include "nn/safetensors.h"

namespace moco {
namespace {

constexpr uint8_t kProtocolOpcode = 0x80, kOldestProtocol = 2, kNewestProtocol = 5;

/// A safetensors file of that beginning would have a header of megabytes whose length ends in an odd way; its ninth
/// byte is a brace.
bool looks_like_pickle(std::span<const uint8_t> bytes) {
    return bytes.size() > 2 && bytes[0] == kProtocolOpcode && bytes[1] >= kOldestProtocol &&
           bytes[1] <= kNewestProtocol && !(bytes.size() > 8 && bytes[7] == 0 && bytes[8] == '{');
}

bool holds_arrays(std::span<const uint8_t> bytes, const std::string& path) {
    const ZipArchive archive(bytes, path);
    const auto& entries = archive.entries();
    return std::any_of(entries.begin(), entries.end(), [](const ZipEntry& e) { return e.name.ends_with(".npy"); });
}

}  // namespace

std::unique_ptr<TensorFile> open_tensors(const std::filesystem::path& path) {
    if (std::error_code error; std::filesystem::file_size(path, error) == 0 || error)
        return std::make_unique<SafetensorsFile>(path);  // which says what is wrong
    MappedFile file(path.string(), "expected a file of weights");
    const std::span<const uint8_t> bytes = file.bytes();
    if (looks_like_zip(bytes)) {
        if (holds_arrays(bytes, file.path())) return std::make_unique<NumpyFile>(std::move(file));
        return std::make_unique<PickleFile>(std::move(file));
    }
    if (is_npy(bytes)) return std::make_unique<NumpyFile>(std::move(file));
    if (looks_like_pickle(bytes)) return std::make_unique<PickleFile>(std::move(file));
    return std::make_unique<SafetensorsFile>(path);
}

}  // namespace moco
