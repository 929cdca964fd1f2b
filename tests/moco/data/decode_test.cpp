// Decoding against Pillow (tests/golden/decode.py), and what must not decode.
#include "moco/data/decode.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "moco/data/augmentation.h"
#include "moco/data/tiff_decoder.h"
#include "moco/data/webp_decoder.h"
#include "tests/moco/data/jpeg_writer.h"
#include "tests/moco/data/pixels.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

std::vector<std::filesystem::path> golden_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(golden_path("decode"))) files.push_back(entry.path());
    return files;
}

/// Whether this build has the library that the file needs.
bool is_read_here(const std::filesystem::path& file) {
    return (file.extension() != ".webp" || reads_webp()) && (file.extension() != ".tif" || reads_tiff());
}

std::span<const uint8_t> bytes_of(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

int64_t worst_difference(const Image& image, const NpyArray& expected) {
    EXPECT_EQ((std::vector<int64_t>{image.H, image.W, image.C}), expected.shape);
    if (image.pixels.size() != expected.values.size()) return 255;
    int64_t worst = 0;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
        worst = std::max(worst, std::abs(image.pixels[i] - static_cast<int64_t>(expected.values[i])));
    }
    return worst;
}

TEST(Decode, EveryKindOfFileIsPillows) {
    const GoldenPack golden("decode");
    const auto files = golden_files();
    ASSERT_GE(files.size(), 48u);
    for (const auto& file : files) {
        SCOPED_TRACE(file);
        if (!is_read_here(file)) continue;
        const std::string bytes = read_bytes(file);
        // Both sides run libjpeg-turbo, of different versions; the formats without loss leave no freedom.
        const int64_t tolerance = bytes.starts_with("\xFF\xD8") || file.filename() == "lossy.webp" ? 1 : 0;
        EXPECT_LE(worst_difference(decode_image(bytes_of(bytes), file), golden[file.filename()]), tolerance);
    }
}

TEST(Decode, FilesCutShortAreErrorsNotHalfImages) {
    for (const auto& file : golden_files()) {
        const std::string bytes = read_bytes(file);
        // A PNG's last chunk says only that it is the last: the image is whole without its 12 bytes.
        const size_t needed = bytes.starts_with("\x89PNG") ? bytes.size() - 12 : bytes.size();
        size_t least = bytes.starts_with("GIF8") ? needed - 1 : needed;  // as is a GIF without its trailer
        // What a number at the end of a text was cut from cannot be told; nor is more than an animation's start needed.
        if (bytes[0] == 'P' && bytes[1] <= '3') least = bytes.size() / 2;
        if (file.filename() == "fax.tif") least -= 4;  // the code that ends the fax
        if (file.extension() == ".webp") least = file.filename() == "animated.webp" ? 40 : bytes.size() / 2;
        for (const size_t length : {size_t{0}, size_t{2}, size_t{20}, least / 2, least * 9 / 10, least - 1}) {
            SCOPED_TRACE(file.string() + " cut to " + std::to_string(length));
            expect_error([&] { decode_image(bytes_of(bytes.substr(0, length)), "a/b.img"); }, {"a/b.img"});
        }
    }
}

TEST(Decode, DamagedFilesEndInAnErrorOrAnImageButNeverInACrash) {
    int errors = 0;
    for (const auto& file : golden_files()) {
        const std::string bytes = read_bytes(file);
        for (uint32_t salt = 0; salt < 40; ++salt) {
            std::string damaged = bytes;
            const std::vector<float> where = formula_values(8, salt);
            for (size_t i = 0; i < 4; ++i) {
                const auto at = static_cast<size_t>((where[2 * i] + 1) / 2 * static_cast<float>(damaged.size() - 1));
                damaged[at] = static_cast<char>(where[2 * i + 1] * 127);
            }
            errors += message_of([&] { decode_image(bytes_of(damaged), "x"); }) != "no Error";
        }
    }
    EXPECT_GT(errors, 100);
}

TEST(Decode, FilesOfOtherKindsAreNamed) {
    const auto message = [](std::string bytes) { return message_of([&] { decode_image(bytes_of(bytes), "d/f"); }); };
    EXPECT_EQ(message(""), "d/f: the file is empty");
    EXPECT_EQ(message("hello, world"),
              "d/f: not an image (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, PSD, HDR and TGA are read)");
    EXPECT_NE(message("RIFF....WEBPVP8 ").find(reads_webp() ? "truncated WebP" : "libwebp-dev"), std::string::npos);
    EXPECT_NE(message(std::string("II*\0....", 8)).find(reads_tiff() ? "truncated TIFF" : "libtiff-dev"),
              std::string::npos);
    EXPECT_EQ(message(std::string("\0\0\1\0\1\0", 6)),
              "d/f: an ICO file, which this program does not read; convert it to JPEG or PNG");
    EXPECT_NE(message("P7\nWIDTH 3").find("a PAM file"), std::string::npos);
    EXPECT_EQ(message("P4s are no images"), message("hello, world"));
    std::string rle = read_bytes(golden_path("decode/palette.bmp"));
    rle[30] = 1;
    EXPECT_EQ(message(rle), "d/f: a run-length coded BMP, which this program does not read; convert it to PNG");
    EXPECT_NE(message(std::string("P6 99999999 99999999 255\n")).find("--max-pixels"), std::string::npos);
}

TEST(Decode, AGifWithoutAColourTableIsGreyAsPillowReadsIt) {
    // 5 x 3 pixels 0, 1, ..., 14 at (1, 1) of a canvas of 7 x 5, uncompressed: codes of 9 bits, cleared at the start.
    const auto gif = [](const std::string& control) {
        std::string codes;
        uint32_t bits = 0;
        int count = 0;
        const auto put = [&](uint32_t code) {
            bits |= code << count;
            for (count += 9; count >= 8; count -= 8, bits >>= 8) codes += static_cast<char>(bits);
        };
        put(256);
        for (uint32_t i = 0; i < 15; ++i) put(i);
        put(257);
        codes += static_cast<char>(bits);
        return std::string("GIF89a\7\0\5\0\0\5\0", 13) + control + std::string(",\1\0\1\0\5\0\3\0\0\x8", 11) +
               static_cast<char>(codes.size()) + codes + std::string("\0;", 2);
    };
    for (const int around : {0, 7}) {
        const std::string control = around == 0 ? "" : std::string("!\xF9\4\1\0\0\7\0", 8);
        const Image image = decode_image(bytes_of(gif(control)), "d/f");
        ASSERT_EQ((std::vector<int64_t>{image.H, image.W}), (std::vector<int64_t>{5, 7}));
        for (int64_t y = 0; y < 5; ++y) {
            for (int64_t x = 0; x < 7; ++x) {
                const bool inside = y >= 1 && y < 4 && x >= 1 && x < 6;
                for (int64_t c = 0; c < 3; ++c) {
                    EXPECT_EQ(image.at(y, x)[c], inside ? 5 * (y - 1) + x - 1 : around) << y << " " << x;
                }
            }
        }
    }
    const std::string whole = gif("");
    EXPECT_NE(message_of([&] { decode_image(bytes_of(whole.substr(0, 30)), "d/f"); }).find("d/f: truncated"),
              std::string::npos);
}

TEST(Decode, YcckIsDecodedAsTheCmykItStandsFor) {
    // Adobe's inverted inks: 255 is none. The expected colours by Pillow's formula.
    const Image inks = smooth_image(24, 32, 4);
    Image expected(24, 32, 3);
    for (int64_t i = 0; i < 24 * 32; ++i) {
        const int white = inks.pixels[static_cast<size_t>(4 * i + 3)];
        for (int64_t c = 0; c < 3; ++c) {
            const int ink = inks.pixels[static_cast<size_t>(4 * i + c)];
            expected.pixels[static_cast<size_t>(3 * i + c)] = static_cast<uint8_t>(ink * white / 255);
        }
    }
    for (const JpegColours colours : {JpegColours::cmyk, JpegColours::ycck}) {
        const std::string bytes = write_jpeg(inks, colours, 100);
        const Image image = decode_image(bytes_of(bytes), "inks.jpg");
        ASSERT_EQ(image.pixels.size(), expected.pixels.size());
        for (size_t i = 0; i < image.pixels.size(); ++i) ASSERT_NEAR(image.pixels[i], expected.pixels[i], 8) << i;
    }
}

TEST(Decode, JpegsAreScaledAsAskedOthersNot) {
    const std::string jpeg = write_jpeg(smooth_image(75, 101, 3), JpegColours::rgb, 95);
    for (int eighths = 1; eighths <= 8; ++eighths) {
        const ScaledImage scaled = decode_scaled(bytes_of(jpeg), "a.jpg", [&](int64_t H, int64_t W) {
            EXPECT_EQ(H, 75);
            EXPECT_EQ(W, 101);
            return eighths;
        });
        EXPECT_EQ(scaled.eighths, eighths);
        EXPECT_EQ(scaled.full_H, 75);
        EXPECT_EQ(scaled.full_W, 101);
        EXPECT_EQ(scaled.image.H, (75 * eighths + 7) / 8);
        EXPECT_EQ(scaled.image.W, (101 * eighths + 7) / 8);
    }
    const std::string png = read_bytes(golden_path("decode/rgb.png"));
    const ScaledImage whole = decode_scaled(bytes_of(png), "a.png", [](int64_t, int64_t) { return 2; });
    EXPECT_EQ(whole.eighths, 8);
    EXPECT_EQ(whole.image.W, 27);
}

TEST(Decode, AViewOfAScaledJpegIsTheViewOfTheWhole) {
    const std::string jpeg = write_jpeg(smooth_image(203, 317, 3), JpegColours::rgb, 95);
    AugmentParams params;
    params.crop_x = 31, params.crop_y = 17, params.crop_w = 270, params.crop_h = 181;
    for (const int64_t size : {16, 40, 64, 90}) {
        const ScaledImage whole = decode_scaled(bytes_of(jpeg), "a", [](int64_t, int64_t) { return 8; });
        const ScaledImage scaled = decode_scaled(bytes_of(jpeg), "a", [&](int64_t, int64_t) {
            return decode_eighths({params, params}, size);
        });
        EXPECT_LT(scaled.eighths, 8);
        const std::vector<float> a = augmented(whole.image, params, size, cpu());
        const std::vector<float> b = augmented(scaled.image, scaled_to(params, scaled.eighths), size, cpu());
        double sum = 0;
        for (size_t i = 0; i < a.size(); ++i) {
            sum += std::abs(a[i] - b[i]);
            ASSERT_NEAR(a[i], b[i], 0.05) << size;  // a shift by a block of 8 pixels would be up to 0.4
        }
        // Blocks of 8 pixels averaged take 3 % off waves of 56 pixels, whose amplitude is 0.43.
        EXPECT_LT(sum / static_cast<double>(a.size()), 0.01) << size;
    }
}

TEST(Decode, AJpegWithAStrayBlankBetweenItsMarkersIsRead) {
    // libjpeg warns of extraneous bytes, as it does for some images of ImageNet; the pixels are all right.
    std::string jpeg = write_jpeg(smooth_image(16, 16, 3), JpegColours::rgb, 90);
    const Image before = decode_image(bytes_of(jpeg), "a");
    jpeg.insert(jpeg.find("\xFF\xDB"), std::string(3, '\0'));
    EXPECT_EQ(decode_image(bytes_of(jpeg), "a"), before);
}

}  // namespace
}  // namespace moco::testing
