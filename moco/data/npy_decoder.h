// NumPy's .npy files as images.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "moco/data/decode_options.h"
#include "moco/data/image.h"

namespace moco {

/// An array of H x W x C or H x W (C = 1), in C or Fortran order, of u8, little-endian u16 (as of other 16-bit images
/// the high byte, or options.depth_range) or f32, of which 0..1 becomes 0..255, rounded. For options.channels of 0, 1
/// and 3 the array has 1 or 3 channels and the image is RGB, for others both have as many. Throws Error beginning with
/// `name` for every other array, and for values of f32 beyond 0..1. Thread-safe.
Image decode_npy(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options);

}  // namespace moco
