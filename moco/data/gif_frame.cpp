#include "moco/data/gif_frame.h"

#include <algorithm>

#include "core/error.h"

namespace moco {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kBackground = 11, kTables = 13;  // positions in the file

int64_t number(Bytes bytes, size_t at) {
    return bytes[at] | bytes[at + 1] << 8;
}

/// Position after the chain of sub-blocks that starts at `at`; 0 when the file ends within it.
size_t after_sub_blocks(Bytes bytes, size_t at) {
    while (at < bytes.size() && bytes[at] != 0) at += size_t{1} + bytes[at];
    return at < bytes.size() ? at + 1 : 0;
}

size_t colour_table_bytes(uint8_t flags) {
    return (flags & 0x80) != 0 ? size_t{3} << ((flags & 7) + 1) : 0;
}

/// Passes over the extensions at `at`, taking note of transparent colours; returns the position after them, or 0 when
/// the file ends within. transparent: the colour's number, or -1.
size_t after_extensions(Bytes bytes, size_t at, GifFrame& frame, int64_t& transparent) {
    while (at != 0 && at + 7 < bytes.size() && bytes[at] == 0x21) {
        if (bytes[at + 1] == 0xF9 && bytes[at + 2] == 4) {  // graphic control
            const bool has = (bytes[at + 3] & 1) != 0;
            transparent = has ? bytes[at + 6] : -1;
            if (has) frame.transparency_flags.push_back(at + 3);
        }
        at = after_sub_blocks(bytes, at + 2);
    }
    return at;
}

/// Gives the file the 256 grey levels as its table; what stands behind the header moves.
void add_grey_table(std::vector<uint8_t>& file) {
    std::vector<uint8_t> levels(size_t{3} * 256);
    for (size_t i = 0; i < levels.size(); ++i) levels[i] = static_cast<uint8_t>(i / 3);
    file[10] |= 0x87;
    file.insert(file.begin() + kTables, levels.begin(), levels.end());
}

}  // namespace

GifFrame first_gif_frame(Bytes bytes, const std::string& name) {
    const auto whole = [&](bool condition) { check(condition, "{}: truncated or corrupt GIF", name); };
    whole(bytes.size() > kTables);
    GifFrame frame;
    int64_t transparent = -1;
    const size_t at = after_extensions(bytes, kTables + colour_table_bytes(bytes[10]), frame, transparent);
    whole(at != 0 && at + 10 < bytes.size() && bytes[at] == 0x2C);
    frame.x = number(bytes, at + 1), frame.y = number(bytes, at + 3);
    frame.W = number(bytes, at + 5), frame.H = number(bytes, at + 7);
    frame.canvas_W = number(bytes, 6), frame.canvas_H = number(bytes, 8);
    if (frame.canvas_W > 0) frame.canvas_W = std::max(frame.canvas_W, frame.x + frame.W);
    if (frame.canvas_H > 0) frame.canvas_H = std::max(frame.canvas_H, frame.y + frame.H);
    whole(frame.canvas_W <= 65535 && frame.canvas_H <= 65535);
    const size_t local = colour_table_bytes(bytes[at + 9]);
    whole(after_sub_blocks(bytes, at + 10 + local + 1) != 0);
    const size_t table = local > 0 ? at + 10 : kTables, size = local > 0 ? local : colour_table_bytes(bytes[10]);
    const size_t colour = 3 * static_cast<size_t>(std::max<int64_t>(transparent, 0));
    frame.has_colours = size > 0;
    if (!frame.has_colours) frame.around.fill(static_cast<uint8_t>(std::max<int64_t>(transparent, 0)));  // its grey
    if (colour < size) std::copy_n(bytes.data() + table + colour, 3, frame.around.begin());
    return frame;
}

std::vector<uint8_t> without_transparency(Bytes bytes, const GifFrame& frame) {
    std::vector<uint8_t> file(bytes.begin(), bytes.end());
    for (const size_t at : frame.transparency_flags) file[at] &= 0xFE;
    file[kBackground] = 0;  // stb draws any other one around the frame
    const auto put = [&](size_t at, int64_t value) {
        file[at] = static_cast<uint8_t>(value);
        file[at + 1] = static_cast<uint8_t>(value >> 8);
    };
    put(6, frame.canvas_W);
    put(8, frame.canvas_H);
    if (!frame.has_colours) add_grey_table(file);
    return file;
}

}  // namespace moco
