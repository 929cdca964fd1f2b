// A picture that is drawn on: rectangles and lines of text.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "moco/data/image.h"

namespace moco {

/// Red, green, blue.
using Colour = std::array<uint8_t, 3>;

/// Where a text lies beside the point that it is drawn at: its start, its middle or its end is there.
enum class TextAnchor { start, middle, end };
/// across: left to right. upwards: bottom to top, turned to the left.
enum class TextDirection { across, upwards };

struct TextStyle {
    int64_t scale = 1;  // pixels a dot of the font (bitmap_font.h)
    Colour colour = {0x22, 0x22, 0x22};
    TextAnchor anchor = TextAnchor::start;
    TextDirection direction = TextDirection::across;
};

/// RGB, white at first. Lengths in pixels from the top left corner; what lies outside is not drawn.
class Canvas {
  public:
    Canvas(int64_t H, int64_t W);

    void rectangle(int64_t y, int64_t x, int64_t H, int64_t W, Colour colour);
    /// The middle of the text's line (halfway up its capitals) is at y (at x where the text runs upwards); along the
    /// line the anchor is at the point.
    void text(int64_t y, int64_t x, std::string_view text, const TextStyle& style);

    const Image& image() const { return image_; }

  private:
    void blend(int64_t y, int64_t x, Colour colour, int64_t ink);

    Image image_;
};

}  // namespace moco
