// From the bytes of an image file to pixels: JPEG through libjpeg-turbo, the rest through stb_image. What a file is,
// its first bytes say, not its name.
#pragma once

#include <span>
#include <string>

#include "moco/data/dataset.h"

namespace moco {

/// Decodes to RGB as Pillow's convert('RGB') does: grey is repeated, palettes are looked up, alpha is dropped, CMYK
/// (Adobe's inverted one too) is converted; of 16 bits the high byte is kept. PNG, BMP, GIF (first frame), PNM, PSD,
/// JPEG. Throws Error beginning with `name` when the bytes are no image, corrupt or truncated.
Image decode_image(std::span<const uint8_t> bytes, const std::string& name);

/// The same; a JPEG is decoded at the scale `choose` asks for.
ScaledImage decode_scaled(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose);

}  // namespace moco
