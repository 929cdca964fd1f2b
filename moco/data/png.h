// Writing pictures: PNG files, and sheets of many small images.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "moco/data/image.h"

namespace moco {

/// Writes `image` as a PNG file, atomically (the file is complete or untouched). Throws Error naming the path.
void write_png(const std::string& path, const Image& image);

/// How a contact sheet is laid out. Lengths in pixels of the sheet.
struct SheetLayout {
    int64_t columns = 8;
    int64_t cell = 64;   // each image is scaled to fit cell x cell
    int64_t margin = 4;  // between and around the cells
    int64_t lead = 0;    // columns that stand apart at the left
    int64_t group = 0;   // after them, every `group` columns stand apart; 0: no gaps
    std::array<uint8_t, 3> background = {255, 255, 255};
};

/// The image, averaged down to fit cell x cell as contact_sheet shows it; a smaller one as it is.
Image shrunk_to_cell(const Image& image, int64_t cell);

/// The images in rows of layout.columns, left to right, as one RGB image. Small ones are magnified by whole factors
/// without smoothing, large ones are averaged down. Throws Error when there are no images.
Image contact_sheet(std::span<const Image> images, const SheetLayout& layout);

}  // namespace moco
