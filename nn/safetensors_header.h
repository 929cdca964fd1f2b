// The JSON header of a safetensors file, both ways. Internal to nn/safetensors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/safetensors.h"

namespace moco {

/// The format's own limit.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

struct SafetensorsHeader {
    Metadata metadata;
    std::vector<TensorEntry> entries;  // in the order of their bytes
};

/// The type of a name like "F32"; none for names this project does not know.
std::optional<FileDType> file_dtype_from_name(std::string_view name);

/// Parses and checks a header: every tensor's type, shape and place agree, and together the tensors cover the
/// `data_bytes` bytes of elements without overlap or gap. Throws Error naming `path`.
SafetensorsHeader parse_header(const std::string& text, uint64_t data_bytes, const std::string& path);

/// The header's text, sorted by name, padded with spaces to a multiple of 8 bytes.
std::string header_text(const SafetensorsHeader& header);

}  // namespace moco
