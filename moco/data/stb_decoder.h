// BMP, GIF, PSD, HDR and TGA through stb_image, with the checks that it leaves out.
#pragma once

#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

// Each decodes to RGB and throws Error beginning with `name` where the file ends early, has no or too many pixels, or
// is otherwise not to be read. Thread-safe.

/// Uncompressed BMP; run-length coded ones are refused as such.
Image decode_bmp(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);
/// The first frame, as Pillow shows it: a transparent colour is the palette's; around a frame smaller than the canvas
/// lies the transparent colour, or else the palette's first. Without
/// any palette the numbers are grey levels.
Image decode_gif(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);
/// Photoshop's merged picture, where it is RGB of 8 or 16 bits.
Image decode_psd(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);
/// Radiance's floating-point pictures, as bytes of gamma 2.2: 1 is white.
Image decode_hdr(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);
/// TGA has no signature: a name ending in .tga or the footer of version 2 says what it is.
bool is_tga(std::span<const uint8_t> bytes, const std::string& name);
Image decode_tga(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
