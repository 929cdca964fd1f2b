// Reading PNG files through libpng.
#pragma once

#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

/// Decodes to RGB: every depth (16 bits as options.depth_range says), interlaced or not; alpha and transparent colours
/// are dropped. Checksums of chunks (CRC) and of the pixels (zlib's) must be right. Throws Error beginning with `name`.
/// Thread-safe.
Image decode_png(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
