// PBM, PGM and PPM, binary and as text.
#pragma once

#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

/// Whether the bytes start as "P1" to "P6" and a blank do.
bool is_pnm(std::span<const uint8_t> bytes);

/// Decodes P1 to P6 to RGB. Values are scaled from 0..maximum to 0..255, rounded as Pillow does; those of
/// the maximum 65535, and all above 255 where there is an options.depth_range, are 16-bit values as PNG's are. Throws
/// Error beginning with `name`. Thread-safe.
Image decode_pnm(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
