// TIFF through libtiff, where the build has it.
#pragma once

#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

/// Whether this build reads TIFF.
bool reads_tiff();

/// Decodes the first page to RGB: bits, grey, palettes, RGB, CMYK, YCbCr and L*a*b* of up to 16 bits, in strips or
/// tiles, by every compression that libtiff has; alpha is dropped; grey and RGB of 16 bits as options.depth_range says;
/// turned as its Orientation tag says, as Pillow does.
/// Throws Error beginning with `name`, also where the
/// build lacks libtiff. Thread-safe.
Image decode_tiff(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

/// The first page as it is, options.channels samples a pixel of 8 or 16 bits (as options.depth_range says, else the
/// high byte), interleaved or plane by plane, in strips or tiles. Throws Error as decode_tiff, and where the file has
/// another number of samples.
Image decode_tiff_samples(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
