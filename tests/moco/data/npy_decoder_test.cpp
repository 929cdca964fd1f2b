// .npy files as images: those of NumPy (tests/golden/arrays.py), value by value, and what is refused.
#include "moco/data/npy_decoder.h"

#include <gtest/gtest.h>

#include <limits>

#include "moco/data/decode.h"
#include "nn/npy.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

Image decoded(const std::string& bytes, const DecodeOptions& options = {}) {
    return decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "D/x.npy", options);
}

Image of_file(const std::string& name, const DecodeOptions& options = {}) {
    return decoded(read_bytes(golden_path("arrays/" + name + ".npy")), options);
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename Value>
std::vector<uint8_t> values(size_t count, const Value& value) {
    std::vector<uint8_t> all;
    for (size_t i = 0; i < count; ++i) all.push_back(static_cast<uint8_t>(value(i)));
    return all;
}

const std::vector<uint8_t> kBytes = values(60, [](size_t i) { return 4 * i + 1; });
const DecodeOptions kFive = {.channels = 5};

TEST(NpyImages, HaveAsManyChannelsAsAreAskedFor) {
    for (const char* name : {"u8", "column_major", "version_2", "version_3"}) {
        SCOPED_TRACE(name);
        const Image image = of_file(name, kFive);
        EXPECT_EQ((std::vector<int64_t>{image.H, image.W, image.C}), (std::vector<int64_t>{3, 4, 5}));
        EXPECT_EQ(image.pixels, kBytes);
    }
    EXPECT_EQ(of_file("f32", kFive).pixels, values(60, [](size_t i) { return i * 255.0 / 59 + 0.5; }));
    EXPECT_EQ(of_file("u16", kFive).pixels, values(60, [](size_t i) { return (1000 * i + 77) >> 8; }));
}

TEST(NpyImages, OfSixteenBitsFollowTheDepthRange) {
    DecodeOptions twelve_bits = kFive;
    twelve_bits.depth_range = DepthRange{0, 4095};
    twelve_bits.notes = std::make_shared<DecodeNotes>();
    const Image image = of_file("u16", twelve_bits);
    EXPECT_EQ(image.pixels[1], (1077 * 255 + 2047) / 4095);
    EXPECT_EQ(image.pixels[59], 255);
    EXPECT_TRUE(twelve_bits.notes->take().empty());
    DecodeOptions plain = kFive;
    plain.notes = twelve_bits.notes;
    decoded(npy_header("<u2", {1, 1, 5}) + bytes_of<uint16_t>({1, 2, 3, 4, 4095}), plain);
    const std::vector<std::string> notes = plain.notes->take();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_NE(notes[0].find("D/x.npy: of the 16-bit values 0..65535 this image has only 1..4095"), std::string::npos);
}

TEST(NpyImages, OfOneAndThreeChannelsAreGreyAndColour) {
    const Image grey = of_file("grey", {.channels = 1}), repeated = of_file("grey");
    EXPECT_EQ((std::vector<int64_t>{grey.H, grey.W, grey.C}), (std::vector<int64_t>{3, 20, 1}));
    EXPECT_EQ(grey.pixels, kBytes);
    EXPECT_EQ(repeated.C, 3);
    EXPECT_EQ(repeated.pixels, values(180, [](size_t i) { return kBytes[i / 3]; }));
    EXPECT_EQ(of_file("grey_column_major", {.channels = 1}).pixels,
              values(60, [](size_t i) { return (1000 * i + 77) >> 8; }));
    EXPECT_EQ(decoded(npy_header("|u1", {3, 20, 1}) + bytes_of(kBytes)), repeated);
    for (const int64_t channels : {0, 3}) {
        const Image colour = of_file("rgb", {.channels = channels});
        EXPECT_EQ((std::vector<int64_t>{colour.H, colour.W, colour.C}), (std::vector<int64_t>{5, 3, 3}));
        EXPECT_EQ(colour.pixels, values(45, [](size_t i) { return kBytes[i / 3 * 4 + i % 3]; }));
    }
    EXPECT_EQ(of_file("rgb", {.channels = 1}), grey_of(of_file("rgb")));
}

TEST(NpyImages, OfOtherChannelsAreRefusedWithTheirShape) {
    EXPECT_EQ(message_of([] { of_file("u8"); }),
              "D/x.npy: the array of shape 3x4x5 has 5 channels, expected 1 or 3; --channels 5 takes them as they are");
    EXPECT_EQ(message_of([] { of_file("u8", {.channels = 4}); }),
              "D/x.npy: the array of shape 3x4x5 has 5 channels, --channels asks for 4");
    EXPECT_EQ(message_of([] {
                  decoded(npy_header("|u1", {5, 64, 60}), kFive);
              }),
              "D/x.npy: the array of shape 5x64x60 has 60 channels, --channels asks for 5; channels come last here: "
              "numpy.moveaxis(array, 0, -1)");
    EXPECT_EQ(message_of([] {
                  decoded(npy_header("|u1", {3, 64, 60}));
              }),
              "D/x.npy: the array of shape 3x64x60 has 60 channels, expected 1 or 3; channels come last here: "
              "numpy.moveaxis(array, 0, -1)");
    EXPECT_EQ(message_of([] { of_file("grey", kFive); }),
              "D/x.npy: the array of shape 3x20 has 1 channels, --channels asks for 5");
    EXPECT_EQ(message_of([] {
                  decoded(npy_header("|u1", {4, 4, 0}));
              }),
              "D/x.npy: the array of shape 4x4x0 has 0 channels, expected 1 or 3");
}

TEST(NpyImages, OtherArraysAreRefusedInASentence) {
    const std::string expected = "expected uint8, uint16 or float32, little-endian";
    for (const char* type : {"<f8", "<f2", ">u2", "<i8", "|b1", "|i1", "<c8"}) {
        SCOPED_TRACE(type);
        expect_error(
            [&] {
                decoded(npy_header(type, {1, 1, 5}) + std::string(80, 'x'), kFive);
            },
            {"D/x.npy: an array of type " + std::string(type) + " and shape 1x1x5", expected});
    }
    expect_error([] { decoded(npy_header("|O", {1, 1, 5}), kFive); }, {"an array of Python objects", expected});
    expect_error([] { decoded(npy_header("|u1", {7}), kFive); }, {"D/x.npy: an array of shape 7, ", "H x W x C"});
    expect_error([] { decoded(npy_header("|u1", {2, 2, 2, 5}), kFive); }, {"shape 2x2x2x5", "H x W x C"});
    expect_error([] { decoded(npy_header("|u1", {0, 3, 5}), kFive); }, {"an image of 3 x 0 has no pixels"});
    expect_error([] { decoded(npy_header("|u1", {9'000'000'000'000'000'000, 9, 5}), kFive); }, {"too large"});
    DecodeOptions small = kFive;
    small.max_pixels = 11;
    expect_error([&] { of_file("u8", small); }, {"12 pixels", "--max-pixels 11"});
    for (const float value : {1.5f, -0.001f, std::numeric_limits<float>::quiet_NaN()}) {
        expect_error(
            [&] {
                decoded(npy_header("<f4", {1, 2}) + bytes_of<float>({0, value}));
            },
            {"the f32 array holds the value " + fmt::format("{}", value), "expected 0 to 1", "--depth-range"});
    }
}

TEST(NpyImages, CutShortAreErrorsNotHalfImages) {
    for (const char* name : {"u8", "u16", "f32", "column_major", "version_2"}) {
        const std::string bytes = read_bytes(golden_path("arrays/" + std::string(name) + ".npy"));
        for (size_t length = 0; length < bytes.size(); ++length) {
            SCOPED_TRACE(std::string(name) + " cut to " + std::to_string(length));
            expect_error([&] { decoded(bytes.substr(0, length), kFive); }, {"D/x.npy"});
        }
    }
    EXPECT_EQ(message_of([] {
                  decoded(npy_header("<u2", {2, 2}) + "1234567");
              }),
              "D/x.npy: truncated: an array of shape 2x2 and type <u2 takes 8 bytes, 7 are there");
}

}  // namespace
}  // namespace moco::testing
