// Glyphs are drawn below as dots. For scales above 1 each is doubled three times, corners being rounded as it goes, and
// averaged down.
#include "moco/eval/bitmap_font.h"

#include <algorithm>

namespace moco {
namespace {

constexpr int64_t kColumns = 16;  // characters in a line of the sheet
constexpr char kNone = 0x7f;      // what stands for characters that are not drawn

// clang-format off
constexpr std::string_view kSheet[] = {
    //       !     "     #     $     %     &     '     (     )     *     +     ,     -     .     /
    "..... #.... #.#.. .#.#. ..#.. ##... .##.. #.... .#... #.... ..... ..... ..... ..... ..... ....#",
    "..... #.... #.#.. .#.#. .#### ##..# #..#. #.... #.... .#... ..#.. ..#.. ..... ..... ..... ....#",
    "..... #.... #.#.. ##### #.#.. ...#. #.#.. #.... #.... .#... #.#.# ..#.. ..... ..... ..... ...#.",
    "..... #.... ..... .#.#. .###. ..#.. .#... ..... #.... .#... .###. ##### ..... ####. ..... ..#..",
    "..... #.... ..... ##### ..#.# .#... #.#.# ..... #.... .#... #.#.# ..#.. ..... ..... ..... .#...",
    "..... ..... ..... .#.#. ####. #..## #..#. ..... #.... .#... ..#.. ..#.. .#... ..... ..... #....",
    "..... #.... ..... .#.#. ..#.. ...## .##.# ..... .#... #.... ..... ..... .#... ..... #.... #....",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... #.... ..... ..... .....",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
    // 0     1     2     3     4     5     6     7     8     9     :     ;     <     =     >     ?
    ".###. ..#.. .###. .###. ...#. ##### ..##. ##### .###. .###. ..... ..... ...#. ..... #.... .###.",
    "#...# .##.. #...# #...# ..##. #.... .#... ....# #...# #...# ..... ..... ..#.. ..... .#... #...#",
    "#...# ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...# #.... .#... .#... ####. ..#.. ....#",
    "#...# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .#### ..... ..... #.... ..... ...#. ...#.",
    "#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....# ..... ..... .#... ####. ..#.. ..#..",
    "#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#. ..... ..... ..#.. ..... .#... .....",
    ".###. .###. ##### .###. ...#. .###. .###. .#... .###. .##.. #.... .#... ...#. ..... #.... ..#..",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .#... ..... ..... ..... .....",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... #.... ..... ..... ..... .....",
    // @     A     B     C     D     E     F     G     H     I     J     K     L     M     N     O
    ".###. .###. ####. .###. ###.. ##### ##### .###. #...# ###.. ..### #...# #.... #...# #...# .###.",
    "#...# #...# #...# #...# #..#. #.... #.... #...# #...# .#... ...#. #..#. #.... ##.## #...# #...#",
    "#.### #...# #...# #.... #...# #.... #.... #.... #...# .#... ...#. #.#.. #.... #.#.# ##..# #...#",
    "#.#.# ##### ####. #.... #...# ####. ####. #..## ##### .#... ...#. ##... #.... #.#.# #.#.# #...#",
    "#.### #...# #...# #.... #...# #.... #.... #...# #...# .#... ...#. #.#.. #.... #...# #..## #...#",
    "#.... #...# #...# #...# #..#. #.... #.... #...# #...# .#... #..#. #..#. #.... #...# #...# #...#",
    ".###. #...# ####. .###. ###.. ##### #.... .#### #...# ###.. .##.. #...# ##### #...# #...# .###.",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
    // P     Q     R     S     T     U     V     W     X     Y     Z     [     \     ]     ^     _
    "####. .###. ####. .#### ##### #...# #...# #...# #...# #...# ##### ##... #.... ##... ..#.. .....",
    "#...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# #.... #.... .#... .#.#. .....",
    "#...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. .#.#. ...#. #.... .#... .#... #...# .....",
    "####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. ..#.. ..#.. #.... ..#.. .#... ..... .....",
    "#.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#... #.... ...#. .#... ..... .....",
    "#.... #..#. #..#. ....# ..#.. #...# .#.#. #.#.# #...# ..#.. #.... #.... ....# .#... ..... .....",
    "#.... .##.# #...# ####. ..#.. .###. ..#.. .#.#. #...# ..#.. ##### ##... ....# ##... ..... .....",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... #####",
    "..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....",
    // `     a     b     c     d     e     f     g     h     i     j     k     l     m     n     o
    "#.... ..... #.... ..... ....# ..... ..##. ..... #.... #.... .#... #.... #.... ..... ..... .....",
    ".#... ..... #.... ..... ....# ..... .#... ..... #.... ..... ..... #.... #.... ..... ..... .....",
    "..... .###. ####. .###. .#### .###. ###.. .#### ####. #.... .#... #..#. #.... ##.#. ####. .###.",
    "..... ....# #...# #...# #...# #...# .#... #...# #...# #.... .#... #.#.. #.... #.#.# #...# #...#",
    "..... .#### #...# #.... #...# ##### .#... #...# #...# #.... .#... ##... #.... #.#.# #...# #...#",
    "..... #...# #...# #...# #...# #.... .#... #...# #...# #.... .#... #.#.. #.... #.#.# #...# #...#",
    "..... .#### ####. .###. .#### .###. .#... .#### #...# #.... .#... #..#. .#... #.#.# #...# .###.",
    "..... ..... ..... ..... ..... ..... ..... ....# ..... ..... .#... ..... ..... ..... ..... .....",
    "..... ..... ..... ..... ..... ..... ..... .###. ..... ..... #.... ..... ..... ..... ..... .....",
    // p     q     r     s     t     u     v     w     x     y     z     {     |     }     ~     none
    "..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ..##. #.... ##... ..... #####",
    "..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... .#... #.... ..#.. ..... #...#",
    "####. .#### #.##. .#### ###.. #...# #...# #...# #...# #...# ##### .#... #.... ..#.. .#... #...#",
    "#...# #...# ##... #.... .#... #...# #...# #.#.# .#.#. #...# ...#. #.... #.... ...#. #.#.# #...#",
    "#...# #...# #.... .###. .#... #...# #...# #.#.# ..#.. #...# ..#.. .#... #.... ..#.. ...#. #...#",
    "#...# #...# #.... ....# .#... #...# .#.#. #.#.# .#.#. #...# .#... .#... #.... ..#.. ..... #...#",
    "####. .#### #.... ####. ..##. .#### ..#.. .#.#. #...# .#### ##### ..##. #.... ##... ..... #####",
    "#.... ....# ..... ..... ..... ..... ..... ..... ..... ....# ..... ..... #.... ..... ..... .....",
    "#.... ....# ..... ..... ..... ..... ..... ..... ..... .###. ..... ..... #.... ..... ..... .....",
};
// clang-format on

/// One dot a byte, 1 where there is ink.
struct Dots {
    int64_t H = 0, W = 0;
    std::vector<uint8_t> at;

    Dots(int64_t height, int64_t width) : H(height), W(width), at(static_cast<size_t>(height * width)) {}
    uint8_t& operator()(int64_t y, int64_t x) { return at[static_cast<size_t>(y * W + x)]; }
    /// No ink outside.
    uint8_t get(int64_t y, int64_t x) const {
        return y < 0 || y >= H || x < 0 || x >= W ? 0 : at[static_cast<size_t>(y * W + x)];
    }
};

bool sheet_has_ink(char c, int64_t y, int64_t x) {
    const int64_t place = static_cast<unsigned char>(c) - 0x20;
    const std::string_view line = kSheet[place / kColumns * kGlyphHeight + y];
    return line[static_cast<size_t>(place % kColumns * (kGlyphWidth + 1) + x)] == '#';
}

/// Dots up to the last column with ink; a space has three, and every digit all, so that numbers align.
int64_t width_of(char c) {
    if (c == ' ') return 3;
    if (c >= '0' && c <= '9') return kGlyphWidth;
    for (int64_t x = kGlyphWidth; x > 0; --x) {
        for (int64_t y = 0; y < kGlyphHeight; ++y) {
            if (sheet_has_ink(c, y, x - 1)) return x;
        }
    }
    return 0;
}

/// A drawn character for each one of the text.
std::string drawable(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) == 0x80) continue;  // goes on with a UTF-8 character
        result += byte >= 0x20 && byte < 0x7f ? c : kNone;
    }
    return result;
}

/// Twice as large; a dot's corner takes the colour of the two neighbours beside it where they agree and the two others
/// do not join them.
Dots doubled(const Dots& small) {
    Dots large(2 * small.H, 2 * small.W);
    for (int64_t y = 0; y < small.H; ++y) {
        for (int64_t x = 0; x < small.W; ++x) {
            const uint8_t own = small.get(y, x), up = small.get(y - 1, x), down = small.get(y + 1, x),
                          left = small.get(y, x - 1), right = small.get(y, x + 1);
            large(2 * y, 2 * x) = left == up && left != down && up != right ? up : own;
            large(2 * y, 2 * x + 1) = up == right && up != left && right != down ? right : own;
            large(2 * y + 1, 2 * x) = left == down && left != up && down != right ? left : own;
            large(2 * y + 1, 2 * x + 1) = down == right && down != left && right != up ? right : own;
        }
    }
    return large;
}

Dots dots_of(char c) {
    Dots dots(kGlyphHeight, width_of(c));
    for (int64_t y = 0; y < dots.H; ++y) {
        for (int64_t x = 0; x < dots.W; ++x) dots(y, x) = sheet_has_ink(c, y, x);
    }
    return dots;
}

/// Draws c with its left edge at pixel `left` of text.
void ink(char c, int64_t scale, int64_t left, InkedText& text) {
    const int64_t fine = scale == 1 ? 1 : 8;
    const Dots dots = scale == 1 ? dots_of(c) : doubled(doubled(doubled(dots_of(c))));
    const int64_t width = dots.W / fine * scale;
    for (int64_t y = 0; y < text.H; ++y) {
        for (int64_t x = 0; x < width; ++x) {
            const int64_t top = y * fine / scale, bottom = (y + 1) * fine / scale;
            const int64_t from = x * fine / scale, to = (x + 1) * fine / scale;
            int64_t sum = 0;
            for (int64_t v = top; v < bottom; ++v) {
                for (int64_t u = from; u < to; ++u) sum += dots.get(v, u);
            }
            text.ink[static_cast<size_t>(y * text.W + left + x)] =
                static_cast<uint8_t>(255 * sum / ((bottom - top) * (to - from)));
        }
    }
}

}  // namespace

int64_t text_width(std::string_view text, int64_t scale) {
    int64_t width = 0;
    for (const char c : drawable(text)) width += width_of(c) + 1;
    return std::max<int64_t>(width - 1, 0) * scale;
}

InkedText inked(std::string_view text, int64_t scale) {
    InkedText result;
    result.H = kGlyphHeight * scale;
    result.W = text_width(text, scale);
    result.ink.assign(static_cast<size_t>(result.H * result.W), 0);
    int64_t left = 0;
    for (const char c : drawable(text)) {
        ink(c, scale, left, result);
        left += (width_of(c) + 1) * scale;
    }
    return result;
}

std::string shortened(std::string_view text, int64_t scale, int64_t width) {
    std::string whole = drawable(text);
    if (text_width(whole, scale) <= width) return whole;
    while (!whole.empty() && text_width(whole + "..", scale) > width) whole.pop_back();
    return whole + "..";
}

}  // namespace moco
