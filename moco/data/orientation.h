// Which way up an image is: the Orientation tag that cameras note in EXIF.
#pragma once

#include <cstdint>
#include <span>

#include "moco/data/image.h"

namespace moco {

/// EXIF's numbers: 1 is as it is stored, 2 mirrored, 3 upside down, 4 both, 5 to 8 have rows for columns.
using Orientation = int;
inline constexpr Orientation kAsStored = 1;

/// The Orientation tag in the EXIF data of a JPEG, PNG or WebP file: 1 to 8. kAsStored where there is none, where it
/// says anything else, or where what leads to it is damaged; never an Error, and never a read beyond the bytes.
Orientation exif_orientation(std::span<const uint8_t> file);

/// Whether an image of that orientation has its rows for columns.
constexpr bool turns_sides(Orientation orientation) {
    return orientation >= 5;
}

/// The image as it is to be looked at. orientation: 1 to 8.
Image oriented(Image image, Orientation orientation);

}  // namespace moco
