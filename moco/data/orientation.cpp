// A file leads to its EXIF block by segments or chunks, and the block is a small TIFF file. Everything is read by one
// class that knows where the bytes end.
#include "moco/data/orientation.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace moco {
namespace {

using Bytes = std::span<const uint8_t>;
using namespace std::string_view_literals;

enum class ByteOrder { little, big };

bool has_at(Bytes bytes, size_t at, std::string_view text) {
    return at <= bytes.size() && bytes.size() - at >= text.size() &&
           std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

/// `size` bytes from `at` on, as far as there are any.
Bytes part_of(Bytes bytes, size_t at, size_t size) {
    if (at >= bytes.size()) return {};
    return bytes.subspan(at, std::min(size, bytes.size() - at));
}

/// The number of `count` bytes at `at`; 0 where the bytes end before.
size_t number(Bytes bytes, size_t at, size_t count, ByteOrder order) {
    const Bytes part = part_of(bytes, at, count);
    if (part.size() < count) return 0;
    size_t value = 0;
    for (size_t i = 0; i < count; ++i) value = value << 8 | part[order == ByteOrder::big ? i : count - 1 - i];
    return value;
}

constexpr std::string_view kExif = "Exif\0\0"sv;

/// The Orientation tag of an EXIF block: a header and a directory of entries of 12 bytes.
Orientation orientation_of_block(Bytes block) {
    if (has_at(block, 0, kExif)) block = block.subspan(kExif.size());
    const bool big = has_at(block, 0, "MM\0*"sv);
    if (!big && !has_at(block, 0, "II*\0"sv)) return kAsStored;
    const ByteOrder order = big ? ByteOrder::big : ByteOrder::little;
    constexpr size_t kTag = 0x0112, kShort = 3, kLong = 4, kEntry = 12;
    const size_t directory = number(block, 4, 4, order), entries = number(block, directory, 2, order);
    for (size_t i = 0; i < entries; ++i) {
        const Bytes entry = part_of(block, directory + 2 + i * kEntry, kEntry);
        if (entry.size() < kEntry) break;
        if (number(entry, 0, 2, order) != kTag) continue;
        const size_t type = number(entry, 2, 2, order), count = number(entry, 4, 4, order);
        if ((type != kShort && type != kLong) || count != 1) break;
        const size_t value = number(entry, 8, type == kShort ? 2 : 4, order);
        return value >= 1 && value <= 8 ? static_cast<Orientation>(value) : kAsStored;
    }
    return kAsStored;
}

/// The first EXIF segment before the pixels.
Bytes block_of_jpeg(Bytes file) {
    size_t at = 2;
    while (at + 4 <= file.size() && file[at] == 0xFF) {
        const uint8_t kind = file[at + 1];
        if (kind == 0xFF) {  // a filling byte
            ++at;
            continue;
        }
        if (kind == 0xDA || kind == 0xD9) break;                           // the pixels, the end
        const bool bare = kind == 0x01 || (kind >= 0xD0 && kind <= 0xD8);  // without a length
        const size_t size = bare ? 0 : number(file, at + 2, 2, ByteOrder::big);
        if (!bare && size < 2) break;
        if (kind == 0xE1 && has_at(file, at + 4, kExif)) return part_of(file, at + 4, size - 2);
        at += 2 + size;
    }
    return {};
}

Bytes block_of_png(Bytes file) {
    for (size_t at = 8; at + 12 <= file.size();) {
        const size_t size = number(file, at, 4, ByteOrder::big);
        if (has_at(file, at + 4, "eXIf"sv)) return part_of(file, at + 8, size);
        at += 12 + size;
    }
    return {};
}

Bytes block_of_webp(Bytes file) {
    for (size_t at = 12; at + 8 <= file.size();) {
        const size_t size = number(file, at + 4, 4, ByteOrder::little);
        if (has_at(file, at, "EXIF"sv)) return part_of(file, at + 8, size);
        at += 8 + size + size % 2;
    }
    return {};
}

}  // namespace

Orientation exif_orientation(Bytes file) {
    if (has_at(file, 0, "\xFF\xD8"sv)) return orientation_of_block(block_of_jpeg(file));
    if (has_at(file, 0, "\x89PNG\r\n\x1A\n"sv)) return orientation_of_block(block_of_png(file));
    if (has_at(file, 0, "RIFF"sv) && has_at(file, 8, "WEBP"sv)) return orientation_of_block(block_of_webp(file));
    return kAsStored;
}

Image oriented(Image image, Orientation orientation) {
    if (orientation == kAsStored) return image;
    const bool turns = turns_sides(orientation);
    // From which end the stored rows and columns are taken.
    const bool last_row_first = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool last_column_first = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    Image result(turns ? image.W : image.H, turns ? image.H : image.W, image.C);
    for (int64_t y = 0; y < result.H; ++y) {
        for (int64_t x = 0; x < result.W; ++x) {
            const int64_t row = turns ? x : y, column = turns ? y : x;
            const uint8_t* pixel =
                image.at(last_row_first ? image.H - 1 - row : row, last_column_first ? image.W - 1 - column : column);
            std::copy_n(pixel, image.C, result.at(y, x));
        }
    }
    return result;
}

}  // namespace moco
