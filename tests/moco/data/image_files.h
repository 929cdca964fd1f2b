// PNG, TIFF and PGM files of 8 and 16 bits, put together for tests.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "moco/data/image.h"

namespace moco::testing {

enum class ByteOrder { little, big };

inline std::string number_bytes(uint64_t value, int count, ByteOrder order) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
        const int place = order == ByteOrder::little ? i : count - 1 - i;
        bytes += static_cast<char>(value >> 8 * place);
    }
    return bytes;
}

/// H x W x C values of 8 or 16 bits.
struct Samples {
    int64_t H = 0, W = 0, C = 1;
    int bits = 16;
    std::vector<uint16_t> values = {};

    std::string bytes(ByteOrder order) const {
        std::string all;
        for (const uint16_t value : values) all += number_bytes(value, bits / 8, order);
        return all;
    }
};

inline std::string png_chunk(const std::string& kind, const std::string& data) {
    const std::string body = kind + data;
    const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return number_bytes(data.size(), 4, ByteOrder::big) + body + number_bytes(sum, 4, ByteOrder::big);
}

/// Of C = 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 channels. before, after: chunks around those of the pixels.
inline std::string png_file(const Samples& s, const std::string& before = "", const std::string& after = "") {
    const std::string pixels = s.bytes(ByteOrder::big);
    const size_t row = pixels.size() / static_cast<size_t>(s.H);
    std::string raw;
    for (int64_t y = 0; y < s.H; ++y) raw += std::string(1, '\0') + pixels.substr(static_cast<size_t>(y) * row, row);
    uLongf size = compressBound(static_cast<uLong>(raw.size()));
    std::string packed(size, '\0');
    compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
             static_cast<uLong>(raw.size()));
    packed.resize(size);
    const char colours[] = {0, 4, 2, 6};
    std::string header = number_bytes(static_cast<uint64_t>(s.W), 4, ByteOrder::big) +
                         number_bytes(static_cast<uint64_t>(s.H), 4, ByteOrder::big);
    header += {static_cast<char>(s.bits), colours[s.C - 1], 0, 0, 0};
    return std::string("\x89PNG\r\n\x1a\n") + png_chunk("IHDR", header) + before + png_chunk("IDAT", packed) + after +
           png_chunk("IEND", "");
}

/// A tag of a TIFF file or an EXIF block, as one value: type 3 (16 bits) or 4 (32 bits).
struct TiffTag {
    int tag = 0, type = 3;
    uint64_t value = 0;
};

/// A header, and a directory of tags in ascending order.
inline std::string tiff_directory(const std::vector<TiffTag>& tags, ByteOrder order) {
    std::string file(order == ByteOrder::little ? "II" : "MM");
    file += number_bytes(42, 2, order) + number_bytes(8, 4, order) + number_bytes(tags.size(), 2, order);
    for (const TiffTag& t : tags) {
        const std::string value = number_bytes(t.value, t.type == 3 ? 2 : 4, order);
        file += number_bytes(static_cast<uint64_t>(t.tag), 2, order) +
                number_bytes(static_cast<uint64_t>(t.type), 2, order) + number_bytes(1, 4, order) + value +
                std::string(4 - value.size(), '\0');
    }
    return file + number_bytes(0, 4, order);
}

/// Uncompressed, of C = 1 or 3 channels. photometric: 0 (white is 0), 1 or 2 (RGB). side: 0 for one strip, else of
/// tiles.
inline std::string tiff_file(const Samples& s, ByteOrder order, int photometric, int orientation = 1,
                             int64_t side = 0) {
    const size_t pixel = static_cast<size_t>(s.C * s.bits / 8);
    std::string data = s.bytes(order);
    if (side > 0) {  // one tile, larger than the image
        std::string tile;
        for (int64_t y = 0; y < side; ++y) {
            const size_t row = static_cast<size_t>(s.W) * pixel, whole = static_cast<size_t>(side) * pixel;
            std::string line = y < s.H ? data.substr(static_cast<size_t>(y) * row, row) : "";
            line.resize(whole, '\xEE');
            tile += line;
        }
        data = tile;
    }
    const auto tags_at = [&](uint64_t at) {
        // Of three channels the bits must be said thrice: they stand before the pixels.
        std::vector<TiffTag> tags = {{256, 4, static_cast<uint64_t>(s.W)},
                                     {257, 4, static_cast<uint64_t>(s.H)},
                                     {258, 3, static_cast<uint64_t>(s.bits)},
                                     {259, 3, 1},
                                     {262, 3, static_cast<uint64_t>(photometric)}};
        if (side == 0) tags.push_back({273, 4, at});
        tags.push_back({274, 3, static_cast<uint64_t>(orientation)});
        tags.push_back({277, 3, static_cast<uint64_t>(s.C)});
        if (side == 0) {
            tags.push_back({278, 4, static_cast<uint64_t>(s.H)});
            tags.push_back({279, 4, data.size()});
        } else {
            tags.push_back({322, 4, static_cast<uint64_t>(side)});
            tags.push_back({323, 4, static_cast<uint64_t>(side)});
            tags.push_back({324, 4, at});
            tags.push_back({325, 4, data.size()});
        }
        return tags;
    };
    const size_t at = tiff_directory(tags_at(0), order).size();
    return tiff_directory(tags_at(at), order) + data;
}

/// Binary, of 1 or 3 channels.
inline std::string pnm_file(const Samples& s, int maximum) {
    return std::string(s.C == 1 ? "P5 " : "P6 ") + std::to_string(s.W) + " " + std::to_string(s.H) + " " +
           std::to_string(maximum) + "\n" + s.bytes(ByteOrder::big);
}

}  // namespace moco::testing
