// From the bytes of an image file to pixels. What a file is, its first bytes say, not its name; docs/file-formats.md
// lists the formats.
#pragma once

#include <span>
#include <string>

#include "moco/data/dataset.h"
#include "moco/data/decode_options.h"

namespace moco {

/// Decodes to RGB as Pillow's convert('RGB') does: grey is repeated, palettes are looked up, alpha is dropped, CMYK
/// (Adobe's inverted one too) is converted; of 16 bits the high byte is kept, unless options.depth_range says
/// otherwise. The first frame, where there are several. Turned as EXIF says where options.exif is to honour it; TIFF's
/// own orientation is part of the format and counts always.
/// With options.channels: grey (1), RGB (3), or a TIFF or .npy file of as many samples a pixel, as they are.
/// Throws Error beginning with `name` when the bytes are no image, corrupt, truncated, of no pixels, of more than
/// options.max_pixels or than memory holds: whatever is wrong with a file, it is an Error.
Image decode_image(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options = {});

/// The same; a JPEG is decoded at the scale `choose` asks for.
ScaledImage decode_scaled(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose,
                          const DecodeOptions& options = {});

}  // namespace moco
