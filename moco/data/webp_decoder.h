// WebP through libwebp, where the build has it.
#pragma once

#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

/// Whether this build reads WebP.
bool reads_webp();

/// Decodes to RGB, alpha dropped; of an animation the first frame on its canvas, transparent black around it. Throws
/// Error beginning with `name`, also where the build lacks libwebp. Thread-safe.
Image decode_webp(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
