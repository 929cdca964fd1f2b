// EXIF's orientations: as Pillow's ImageOps.exif_transpose turns, and only where asked for.
#include "moco/data/orientation.h"

#include <gtest/gtest.h>

#include "moco/data/decode.h"
#include "moco/data/tiff_decoder.h"
#include "moco/data/webp_decoder.h"
#include "tests/moco/data/image_files.h"
#include "tests/moco/data/jpeg_writer.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

std::span<const uint8_t> span_of(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Image decoded(const std::string& file, Exif exif) {
    DecodeOptions options;
    options.exif = exif;
    return decode_image(span_of(file), "d/f", options);
}

/// The 3 x 4 pixels 0, 1, 2, ..., 11 as Pillow's exif_transpose turns them, row by row.
const std::vector<std::vector<uint8_t>> kTurned = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8},
    {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, {8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3},
    {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, {8, 4, 0, 9, 5, 1, 10, 6, 2, 11, 7, 3},
    {11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0}, {3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8}};

const std::vector<uint8_t>& turned(int orientation) {
    return kTurned[static_cast<size_t>(orientation - 1)];
}

Samples counted(int bits) {
    Samples samples = {3, 4, 1, bits, {}};
    for (int i = 0; i < 12; ++i) samples.values.push_back(static_cast<uint16_t>(bits == 16 ? i << 8 : i));
    return samples;
}

std::vector<uint8_t> levels(const Image& image) {
    std::vector<uint8_t> first;
    for (size_t i = 0; i < image.pixels.size(); i += 3) first.push_back(image.pixels[i]);
    return first;
}

std::string exif_block(int orientation, ByteOrder order, int type = 3) {
    return tiff_directory({{0x0100, 4, 4}, {0x0112, type, static_cast<uint64_t>(orientation)}, {0x0131, 4, 6}}, order);
}

/// The JPEG with the block after its start.
std::string jpeg_with(const std::string& jpeg, const std::string& block) {
    const std::string data = std::string("Exif\0\0", 6) + block;
    return jpeg.substr(0, 2) + std::string("\xFF\xE1") + number_bytes(data.size() + 2, 2, ByteOrder::big) + data +
           jpeg.substr(2);
}

/// A WebP file in the extended format, with the block as its EXIF chunk.
std::string webp_with(const std::string& webp, int W, int H, const std::string& block) {
    const auto chunk = [](const std::string& name, const std::string& data) {
        return name + number_bytes(data.size(), 4, ByteOrder::little) + data + std::string(data.size() % 2, '\0');
    };
    const std::string canvas = number_bytes(static_cast<uint64_t>(W - 1), 3, ByteOrder::little) +
                               number_bytes(static_cast<uint64_t>(H - 1), 3, ByteOrder::little);
    const std::string body = std::string("WEBP") + chunk("VP8X", std::string("\x08\0\0\0", 4) + canvas) +
                             webp.substr(12) + chunk("EXIF", block);
    return std::string("RIFF") + number_bytes(body.size(), 4, ByteOrder::little) + body;
}

TEST(Orientation, AnImageIsTurnedAsPillowTurnsIt) {
    Image image(3, 4, 3);
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i / 3);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Image result = oriented(image, orientation);
        EXPECT_EQ(result.H, orientation >= 5 ? 4 : 3);
        EXPECT_EQ(result.W, orientation >= 5 ? 3 : 4);
        EXPECT_EQ(levels(result), turned(orientation)) << orientation;
    }
}

TEST(Orientation, PngsAreTurnedWhereAskedFor) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
        for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
            for (const int type : {3, 4}) {
                const std::string chunk = png_chunk("eXIf", exif_block(orientation, order, type));
                for (const int bits : {8, 16}) {
                    for (const std::string& file :
                         {png_file(counted(bits), chunk), png_file(counted(bits), "", chunk)}) {
                        EXPECT_EQ(levels(decoded(file, Exif::honour)), turned(orientation)) << orientation;
                        EXPECT_EQ(levels(decoded(file, Exif::ignore)), turned(1)) << orientation;
                    }
                }
            }
        }
    }
}

TEST(Orientation, JpegsAreTurnedAtEveryScale) {
    const std::string jpeg = write_jpeg(smooth_image(48, 80, 3), JpegColours::rgb, 95);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
            const std::string file = jpeg_with(jpeg, exif_block(orientation, order));
            EXPECT_EQ(decoded(file, Exif::ignore), decoded(jpeg, Exif::ignore));
            for (const int eighths : {8, 4}) {
                const auto stored = decode_scaled(span_of(jpeg), "a.jpg", [&](int64_t, int64_t) { return eighths; });
                DecodeOptions options;
                options.exif = Exif::honour;
                const bool turns = orientation >= 5;
                const auto asked = [&](int64_t H, int64_t W) {
                    EXPECT_EQ(H, turns ? 80 : 48);
                    EXPECT_EQ(W, turns ? 48 : 80);
                    return eighths;
                };
                const ScaledImage scaled = decode_scaled(span_of(file), "a.jpg", asked, options);
                EXPECT_EQ(scaled.image, oriented(stored.image, orientation)) << orientation;
                EXPECT_EQ(scaled.eighths, eighths);
                EXPECT_EQ(scaled.full_H, turns ? 80 : 48);
                EXPECT_EQ(scaled.full_W, turns ? 48 : 80);
            }
        }
    }
}

TEST(Orientation, WebpsAreTurned) {
    if (!reads_webp()) GTEST_SKIP() << "built without libwebp";
    const std::string webp = read_bytes(golden_path("decode/lossless.webp"));
    const Image stored = decoded(webp, Exif::honour);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        for (const std::string& prefix : {std::string(), std::string("Exif\0\0", 6)}) {
            const std::string file = webp_with(webp, 27, 19, prefix + exif_block(orientation, ByteOrder::little));
            EXPECT_EQ(decoded(file, Exif::honour), oriented(stored, orientation)) << orientation;
            EXPECT_EQ(decoded(file, Exif::ignore), stored);
        }
    }
}

TEST(Orientation, TiffsAreTurnedAlways) {
    if (!reads_tiff()) GTEST_SKIP() << "built without libtiff";
    for (int orientation = 0; orientation <= 9; ++orientation) {
        for (const int bits : {8, 16}) {
            for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
                const std::string file = tiff_file(counted(bits), order, 1, orientation);
                const bool known = orientation >= 1 && orientation <= 8;
                for (const Exif exif : {Exif::ignore, Exif::honour}) {
                    EXPECT_EQ(levels(decoded(file, exif)), turned(known ? orientation : 1)) << orientation;
                }
            }
        }
    }
}

TEST(Orientation, WhatIsDamagedSaysNothing) {
    const std::string jpeg = write_jpeg(smooth_image(16, 16, 3), JpegColours::rgb, 95);
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
        const std::string block = exif_block(6, order);
        const std::string file = jpeg_with(jpeg, block);
        EXPECT_EQ(exif_orientation(span_of(file)), 6);
        // Wherever the file or the block ends, nothing beyond is read (the sanitizers' build watches).
        const size_t value_ends = 8 + 2 + 12 + 12;
        for (size_t length = 0; length < file.size(); ++length) {
            const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
            EXPECT_EQ(exif_orientation(cut), length < 12 + value_ends ? 1 : 6) << length;
        }
        for (size_t length = 0; length <= block.size(); ++length) {
            const int expected = length < value_ends ? 1 : 6;
            EXPECT_EQ(exif_orientation(span_of(jpeg_with(jpeg, block.substr(0, length)))), expected) << length;
            const std::string chunk = png_chunk("eXIf", block.substr(0, length));
            EXPECT_EQ(exif_orientation(span_of(png_file(counted(8), chunk))), expected) << length;
        }
        // No byte of the block, whatever it becomes, ends in anything but an orientation.
        for (size_t at = 0; at < block.size(); ++at) {
            for (const char value : {'\0', '\1', '\x7F', '\xFF'}) {
                std::string damaged = block;
                damaged[at] = value;
                const int orientation = exif_orientation(span_of(jpeg_with(jpeg, damaged)));
                EXPECT_TRUE(orientation >= 1 && orientation <= 8);
            }
        }
        for (const int other : {0, 9, 255, 65535}) {
            EXPECT_EQ(exif_orientation(span_of(jpeg_with(jpeg, exif_block(other, order)))), 1);
        }
        EXPECT_EQ(exif_orientation(span_of(jpeg_with(jpeg, tiff_directory({{0x0112, 2, 6}}, order)))), 1);  // a text
    }
    EXPECT_EQ(exif_orientation(span_of(jpeg)), 1);
    EXPECT_EQ(exif_orientation({}), 1);
    EXPECT_EQ(exif_orientation(span_of("\xFF\xD8\xFF\xFF\xFF\xFF")), 1);
    EXPECT_EQ(exif_orientation(span_of("RIFF\xFF\xFF\xFF\xFFWEBPEXIF\xFF\xFF\xFF\xFFII*")), 1);
}

}  // namespace
}  // namespace moco::testing
