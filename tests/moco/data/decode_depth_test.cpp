// Images of 16 bits: the high byte, or a range that is spread over 0..255; and the word about narrow ranges.
#include <gtest/gtest.h>

#include "moco/data/decode.h"
#include "moco/data/folder_dataset.h"
#include "moco/data/tiff_decoder.h"
#include "tests/moco/data/image_files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace moco::testing {
namespace {

Image decoded(const std::string& file, const DecodeOptions& options = {}) {
    return decode_image({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "d/f", options);
}

DecodeOptions in_range(const std::string& text) {
    DecodeOptions options;
    options.depth_range = parse_depth_range(text);
    return options;
}

/// One row of these values in every kind of file that holds 16 bits; grey, and as one RGB pixel each three.
std::vector<std::string> deep_files(const std::vector<uint16_t>& values) {
    const auto count = static_cast<int64_t>(values.size());
    const Samples grey = {1, count, 1, 16, values}, colour = {1, count / 3, 3, 16, values};
    std::vector<std::string> files = {png_file(grey), png_file(colour), pnm_file(grey, 65535), pnm_file(colour, 65535)};
    std::string text = std::string("P2 ") + std::to_string(count) + " 1 65535";
    for (const uint16_t value : values) text.append(" ").append(std::to_string(value));
    files.push_back(text + "\n");
    if (!reads_tiff()) return files;
    for (const ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
        for (const int64_t side : {0, 16}) {
            files.push_back(tiff_file(grey, order, 1, 1, side));
            files.push_back(tiff_file(colour, order, 2, 1, side));
        }
    }
    return files;
}

/// The bytes that became of the values; grey pixels must be grey.
std::vector<uint8_t> bytes_of(const Image& image, size_t values) {
    if (image.pixels.size() == values) return image.pixels;
    std::vector<uint8_t> bytes;
    for (int64_t x = 0; x < image.W; ++x) {
        const uint8_t* pixel = image.at(0, x);
        EXPECT_TRUE(pixel[0] == pixel[1] && pixel[1] == pixel[2]);
        bytes.push_back(pixel[0]);
    }
    return bytes;
}

const std::vector<uint16_t> kValues = {0, 1, 999, 1000, 1001, 1008, 2000, 2999, 3000, 3001, 65534, 65535};

TEST(DecodeDepth, TheHighByteIsKept) {
    for (const std::string& file : deep_files(kValues)) {
        EXPECT_EQ(bytes_of(decoded(file), kValues.size()),
                  (std::vector<uint8_t>{0, 0, 3, 3, 3, 3, 7, 11, 11, 11, 255, 255}))
            << file.substr(0, 8);
    }
}

TEST(DecodeDepth, ARangeIsSpreadOverTheBytesAndClamped) {
    for (const std::string& file : deep_files(kValues)) {
        // 8 * 255 / 2000 = 1.02, 1000 * 255 / 2000 = 127.5, 1999 * 255 / 2000 = 254.87
        EXPECT_EQ(bytes_of(decoded(file, in_range("1000:3000")), kValues.size()),
                  (std::vector<uint8_t>{0, 0, 0, 0, 0, 1, 128, 255, 255, 255, 255, 255}))
            << file.substr(0, 8);
        const std::vector<uint8_t> whole = bytes_of(decoded(file, in_range("0:65535")), kValues.size());
        EXPECT_EQ(whole.front(), 0);
        EXPECT_EQ(whole[6], 8);  // 7.78
        EXPECT_EQ(whole.back(), 255);
        EXPECT_EQ(bytes_of(decoded(file, in_range("65534:65535")), kValues.size())[10], 0);
    }
    if (!reads_tiff()) return;
    const Image inverted = decoded(tiff_file({1, 3, 1, 16, {0, 4095, 2000}}, ByteOrder::big, 0), in_range("0:4095"));
    EXPECT_EQ(bytes_of(inverted, 3), (std::vector<uint8_t>{255, 0, 130}));
}

TEST(DecodeDepth, ARangeIsOfStoredValuesWhereTheFileNamesAMaximumAboveAByte) {
    const std::string file = pnm_file({1, 3, 1, 16, {0, 1000, 4095}}, 4095);
    EXPECT_EQ(bytes_of(decoded(file), 3), (std::vector<uint8_t>{0, 62, 255}));
    EXPECT_EQ(bytes_of(decoded(file, in_range("0:2000")), 3), (std::vector<uint8_t>{0, 128, 255}));
}

TEST(DecodeDepth, ImagesOfEightBitsKnowNoRange) {
    const Samples grey = {1, 3, 1, 8, {0, 100, 255}};
    std::vector<std::string> files = {png_file(grey), pnm_file(grey, 255)};
    if (reads_tiff()) files.push_back(tiff_file(grey, ByteOrder::little, 1));
    for (const std::string& file : files) {
        EXPECT_EQ(bytes_of(decoded(file, in_range("0:50")), 3), (std::vector<uint8_t>{0, 100, 255}));
    }
}

TEST(DecodeDepth, WhatIsNoRangeIsRefused) {
    EXPECT_EQ(parse_depth_range(""), std::nullopt);
    EXPECT_EQ(parse_depth_range("0:65535"), (DepthRange{0, 65535}));
    EXPECT_EQ(parse_depth_range("65534:65535"), (DepthRange{65534, 65535}));
    for (const std::string text : {"4095:0", "7:7", "0:65536", "-1:5", "a:5", "0:b", ":", "0:", ":5", "5", "0:4095:1",
                                   "0 : 5", "0:5.5", "0-5", "99999999999999999999:5"}) {
        expect_error([&] { parse_depth_range(text); }, {"--depth-range " + text + ": expected LO:HI", "0..65535"});
    }
}

TEST(DecodeDepth, ANarrowRangeIsToldOnceWithFileAndRange) {
    for (const std::string& file : deep_files({5, 4095, 300})) {
        DecodeOptions options;
        options.notes = std::make_shared<DecodeNotes>();
        decoded(file, options);
        decoded(file, options);
        const std::vector<std::string> notes = options.notes->take();
        ASSERT_EQ(notes.size(), 1u) << file.substr(0, 8);
        EXPECT_TRUE(notes[0].starts_with("d/f: of the 16-bit values 0..65535 this image has only 5..4095")) << notes[0];
        EXPECT_NE(notes[0].find("0..15 of 255"), std::string::npos) << notes[0];
        EXPECT_NE(notes[0].find("--depth-range LO:HI"), std::string::npos) << notes[0];
        decoded(file, options);
        EXPECT_TRUE(options.notes->take().empty());
    }
}

TEST(DecodeDepth, NothingIsToldOfOtherImages) {
    DecodeOptions options;
    options.notes = std::make_shared<DecodeNotes>();
    for (const std::vector<uint16_t>& values : {std::vector<uint16_t>{0, 0, 0}, {0, 0, 16384}, {7, 65535, 9}}) {
        for (const std::string& file : deep_files(values)) decoded(file, options);
    }
    for (const uint16_t most : {255, 4095}) decoded(pnm_file({1, 1, 1, most > 255 ? 16 : 8, {3}}, most), options);
    options.depth_range = DepthRange{0, 4095};
    for (const std::string& file : deep_files({5, 4095, 300})) decoded(file, options);
    EXPECT_EQ(options.notes->take(), std::vector<std::string>{});
}

TEST(DecodeDepth, AFolderTellsItOnceForItsParts) {
    const TempFolder folder;
    for (const char* part : {"train", "test"}) {
        std::filesystem::create_directories(folder / part / "a");
        write_bytes(folder / part / "a/1.png", png_file({1, 2, 1, 16, {1, 4000}}));
    }
    const Splits splits = open_folder(folder.path(), {});
    splits.test->load(0);
    splits.train->load(0);
    const std::vector<std::string> notes = splits.train->take_notes();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_NE(notes[0].find("test/a/1.png: "), std::string::npos) << notes[0];
    EXPECT_TRUE(splits.test->take_notes().empty());
}

}  // namespace
}  // namespace moco::testing
