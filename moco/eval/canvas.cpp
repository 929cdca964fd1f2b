#include "moco/eval/canvas.h"

#include <algorithm>

#include "moco/eval/bitmap_font.h"

namespace moco {

Canvas::Canvas(int64_t H, int64_t W) : image_(H, W, 3) {
    std::fill(image_.pixels.begin(), image_.pixels.end(), uint8_t{255});
}

void Canvas::blend(int64_t y, int64_t x, Colour colour, int64_t ink) {
    if (y < 0 || y >= image_.H || x < 0 || x >= image_.W) return;
    uint8_t* pixel = image_.at(y, x);
    for (size_t c = 0; c < 3; ++c) {
        pixel[c] = static_cast<uint8_t>((pixel[c] * (255 - ink) + colour[c] * ink + 127) / 255);
    }
}

void Canvas::rectangle(int64_t y, int64_t x, int64_t H, int64_t W, Colour colour) {
    for (int64_t v = y; v < y + H; ++v) {
        for (int64_t u = x; u < x + W; ++u) blend(v, u, colour, 255);
    }
}

void Canvas::text(int64_t y, int64_t x, std::string_view text, const TextStyle& style) {
    const InkedText line = inked(text, style.scale);
    const int64_t start = style.anchor == TextAnchor::start    ? 0
                          : style.anchor == TextAnchor::middle ? line.W / 2
                                                               : line.W;
    const int64_t middle = kGlyphBaseline * style.scale / 2;
    for (int64_t v = 0; v < line.H; ++v) {
        for (int64_t u = 0; u < line.W; ++u) {
            const int64_t ink = line.ink[static_cast<size_t>(v * line.W + u)];
            if (style.direction == TextDirection::across) {
                blend(y + v - middle, x + u - start, style.colour, ink);
            } else {
                blend(y + start - 1 - u, x + v - middle, style.colour, ink);
            }
        }
    }
}

}  // namespace moco
