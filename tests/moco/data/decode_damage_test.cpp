// Whatever is wrong with a file, decoding it is an Error in a sentence: sizes that are none or too large, checksums
// that do not fit, failures for which a library gives no reason, memory that there is not.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>

#include "core/error.h"
#include "moco/data/decode.h"
#include "tests/moco/data/jpeg_writer.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/peak_memory.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

Image decoded(const std::string& text, const DecodeOptions& options = {}) {
    return decode_image({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "d/f", options);
}

std::string failure_of(const std::string& text, const DecodeOptions& options = {}) {
    return message_of([&] { decoded(text, options); });
}

std::string golden_file(const std::string& name) {
    return read_bytes(golden_path("decode/" + name));
}

std::string with(std::string text, size_t at, const std::string& bytes) {
    return text.replace(at, bytes.size(), bytes);
}

/// An uncompressed RGB picture as Photoshop's.
std::string photoshop_file(int64_t H, int64_t W) {
    std::string file("8BPS\0\1\0\0\0\0\0\0\0\3", 14);
    for (const int64_t side : {H, W}) file += {0, 0, 0, static_cast<char>(side)};
    file += std::string("\0\x8\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
    for (int64_t i = 0; i < 3 * H * W; ++i) file += static_cast<char>(7 * i);
    return file;
}

const std::string kRadianceHeader = "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 2\n";

TEST(DecodeDamage, ImagesWithoutPixelsAreNamed) {
    const std::string zero(4, '\0');
    for (const auto& [file, size] : std::vector<std::pair<std::string, std::string>>{
             {with(golden_file("rgb.bmp"), 18, zero), "0 x 19"},
             {with(golden_file("rgb.bmp"), 22, zero), "27 x 0"},
             {with(golden_file("rgb.png"), 16, zero), "0 x 19"},
             {with(golden_file("rgb.png"), 20, zero), "27 x 0"},
             {with(golden_file("palette.gif"), 6, zero.substr(2)), "0 x 19"},
             {with(golden_file("rle.tga"), 14, zero.substr(2)), "27 x 0"},
             {photoshop_file(0, 3), "3 x 0"},
             {"P6 0 5 255\n", "0 x 5"},
             {"P1 5 0\n", "5 x 0"}}) {
        EXPECT_EQ(failure_of(file), "d/f: an image of " + size + " has no pixels");
    }
}

TEST(DecodeDamage, ImagesOfMorePixelsThanAllowedAreNamedSo) {
    const std::vector<std::string> files = {"rgb_420.jpg", "rgb.png", "rgb.bmp", "palette.gif", "rle.tga", "rgb.ppm"};
    for (const std::string& name : files) {
        EXPECT_EQ(failure_of(golden_file(name), {.max_pixels = 512}),
                  "d/f: the image of 27 x 19 has 513 pixels, more than --max-pixels 512");
        EXPECT_EQ(decoded(golden_file(name), {.max_pixels = 513}).H, 19);
    }
    EXPECT_EQ(failure_of(photoshop_file(3, 4), {.max_pixels = 11}),
              "d/f: the image of 4 x 3 has 12 pixels, more than --max-pixels 11");
    for (const std::string name : {"lossless.webp", "animated.webp", "lzw.tif"}) {
        const std::string message = failure_of(golden_file(name), {.max_pixels = 512});
        EXPECT_TRUE(message.ends_with("513 pixels, more than --max-pixels 512") ||
                    message.find("was built without") != std::string::npos)
            << message;
    }
    EXPECT_EQ(failure_of("P5 20000 9000 255\n"),
              "d/f: the image of 20000 x 9000 has 180000000 pixels, more than --max-pixels 179000000");
}

TEST(DecodeDamage, EveryFlippedBitOfAPngsPixelsIsAnError) {
    for (const std::string name : {"rgb.png", "interlaced.png", "palette_4_bit.png", "rgb_16_bit.png"}) {
        const std::string file = golden_file(name);
        const size_t begin = file.find("IDAT") + 4, end = file.find("IEND") - 4;
        for (size_t at = begin; at < end; ++at) {
            const std::string damaged = with(file, at, std::string(1, static_cast<char>(file[at] ^ 1 << at % 8)));
            ASSERT_NE(failure_of(damaged).find("d/f: corrupt or truncated PNG ("), std::string::npos) << name << at;
        }
    }
}

TEST(DecodeDamage, ASizeThatAPngCannotHoldIsRefusedBeforeItsMemoryIsTaken) {
    std::string file = golden_file("rgb.png");
    file = with(file, 16, std::string("\0\0\x30\0\0\0\x30\0", 8));  // the header's checksum fails first
    EXPECT_NE(failure_of(file).find("corrupt or truncated PNG ("), std::string::npos);
    file = with(file, 29, "\x34\xE0\x05\x0B");
    EXPECT_NE(failure_of(file).find("bytes cannot hold 12288 x 12288 pixels"), std::string::npos) << failure_of(file);
}

TEST(DecodeDamage, AFailureWithoutAReasonHasASentence) {
    // stb gives no reason for a width of codes above 12, and keeps the reason of the file before.
    std::string gif = golden_file("palette.gif");
    gif[13 + (3 << ((gif[10] & 7) + 1)) + 10] = 13;
    const std::string sentence = "d/f: truncated or corrupt GIF (no reason is given)";
    EXPECT_EQ(failure_of(gif), sentence);
    EXPECT_EQ(failure_of(with(golden_file("rgb.bmp"), 14, "\x29")),
              "d/f: truncated or corrupt BMP (unknown image type)");
    EXPECT_EQ(failure_of(gif), sentence);
}

TEST(DecodeDamage, TooLittleMemoryIsAnErrorThatNamesTheFile) {
    if (kFreedMemoryIsKept) GTEST_SKIP() << "sanitizers need more addresses than this test leaves";
    std::string jpeg = write_jpeg(smooth_image(16, 16, 3), JpegColours::rgb, 90);
    jpeg = with(jpeg, jpeg.find("\xFF\xC0") + 5, "\x30\x10\x30\x10");
    const auto decode_in_little_memory = [&] {
        const rlimit limit = {64 << 20, 64 << 20};  // of addresses, which are in use already
        setrlimit(RLIMIT_AS, &limit);
        const std::string message = failure_of(jpeg);
        std::fputs(message.c_str(), stderr);
        std::exit(0);
    };
    EXPECT_EXIT(decode_in_little_memory(), ::testing::ExitedWithCode(0), "d/f: not enough memory to decode the image");
}

TEST(DecodeDamage, PhotoshopAndRadianceFilesAreReadToTheirEnd) {
    const std::string psd = photoshop_file(5, 4);
    const Image image = decoded(psd);
    for (int64_t i = 0; i < 20; ++i) {
        for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(image.at(0, i)[c], static_cast<uint8_t>(7 * (20 * c + i)));
    }
    const std::string hdr = kRadianceHeader + "\x80\x80\x80\x81" + std::string("\0\0\0\0", 4);
    EXPECT_EQ(decoded(hdr).pixels, (std::vector<uint8_t>{255, 255, 255, 0, 0, 0}));
    EXPECT_EQ(failure_of(psd.substr(0, psd.size() - 1)), "d/f: truncated or corrupt PSD (the file ends early)");
    EXPECT_EQ(failure_of(hdr.substr(0, hdr.size() - 1)), "d/f: truncated or corrupt HDR (the file ends early)");
}

}  // namespace
}  // namespace moco::testing
