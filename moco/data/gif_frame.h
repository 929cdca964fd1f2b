// Where in a GIF file its first frame lies, and in what colours.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace moco {

struct GifFrame {
    int64_t x = 0, y = 0, W = 0, H = 0;      // on the canvas
    int64_t canvas_W = 0, canvas_H = 0;      // large enough for the frame
    std::vector<size_t> transparency_flags;  // positions of the bytes that say that a colour is transparent
    std::array<uint8_t, 3> around = {};      // the colour beside the frame
    bool has_colours = true;                 // false: neither it nor the file has a table, and numbers are grey levels

    bool covers(int64_t column, int64_t row) const { return column >= x && column < x + W && row >= y && row < y + H; }
};

/// The first frame of a GIF. Throws Error beginning with `name` where the file ends within it.
GifFrame first_gif_frame(std::span<const uint8_t> bytes, const std::string& name);

/// The file changed so that it has a table of colours, and all of the frame is drawn in the palette's colours, and
/// nothing but the frame, on a canvas that holds it.
std::vector<uint8_t> without_transparency(std::span<const uint8_t> bytes, const GifFrame& frame);

}  // namespace moco
