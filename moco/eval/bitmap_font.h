// A font for the pictures that evaluations draw: our own drawing of ASCII, 5 x 9 dots a character.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moco {

inline constexpr int64_t kGlyphHeight = 9;    // dots of a line: 7 above the baseline, 2 below
inline constexpr int64_t kGlyphBaseline = 7;  // dots from a line's top
inline constexpr int64_t kGlyphWidth = 5;     // dots at most

/// A line of text as it is drawn: H x W values from 0, no ink, to 255, all ink.
struct InkedText {
    int64_t H = 0, W = 0;
    std::vector<uint8_t> ink;
};

/// `scale` pixels a dot, >= 1; H = 9 * scale. Larger scales have smooth outlines. What is not ASCII becomes one box a
/// UTF-8 character, and so does a control character.
InkedText inked(std::string_view text, int64_t scale);

/// The width of inked(text, scale), in pixels.
int64_t text_width(std::string_view text, int64_t scale);

/// The text, cut and ended by ".." if it is wider than `width` pixels.
std::string shortened(std::string_view text, int64_t scale, int64_t width);

}  // namespace moco
