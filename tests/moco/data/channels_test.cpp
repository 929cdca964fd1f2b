// Images of any number of channels: TIFF files as they are, and views of them channel by channel.
#include <gtest/gtest.h>

#include <fstream>

#include "moco/data/augment_planes.h"
#include "moco/data/dataset.h"
#include "moco/data/decode.h"
#include "moco/data/loader.h"
#include "moco/data/tiff_decoder.h"
#include "moco/train/settings/views.h"
#include "tests/support/message.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

void put(std::string& bytes, uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(value >> (8 * i) & 255);
}

enum class Planes { together, apart };

/// An uncompressed little-endian TIFF file of one strip (or one a plane): value(y, x, c).
template <typename Value>
std::string tiff(int H, int W, int C, int bits, Planes planes, const Value& value) {
    std::string data;
    for (int outer = 0; outer < (planes == Planes::apart ? C : 1); ++outer) {
        for (int y = 0; y < H; ++y) {
            for (int x = 0; x < W; ++x) {
                for (int c = 0; c < (planes == Planes::apart ? 1 : C); ++c) {
                    put(data, static_cast<uint64_t>(value(y, x, outer + c)), bits / 8);
                }
            }
        }
    }
    const int strips = planes == Planes::apart ? C : 1;
    const uint64_t strip = data.size() / static_cast<size_t>(strips);
    std::string bytes = "II";
    put(bytes, 42, 2);
    const uint64_t bits_at = 8 + data.size(), offsets_at = bits_at + 2 * static_cast<uint64_t>(C);
    const uint64_t counts_at = offsets_at + 4 * static_cast<uint64_t>(strips);
    put(bytes, counts_at + 4 * static_cast<uint64_t>(strips), 4);
    bytes += data;
    for (int c = 0; c < C; ++c) put(bytes, static_cast<uint64_t>(bits), 2);
    for (int s = 0; s < strips; ++s) put(bytes, 8 + static_cast<uint64_t>(s) * strip, 4);
    for (int s = 0; s < strips; ++s) put(bytes, strip, 4);
    const auto entry = [&](int tag, int type, int count, uint64_t v) {
        put(bytes, static_cast<uint64_t>(tag), 2), put(bytes, static_cast<uint64_t>(type), 2);
        put(bytes, static_cast<uint64_t>(count), 4), put(bytes, v, 4);
    };
    put(bytes, 10, 2);
    entry(256, 3, 1, static_cast<uint64_t>(W)), entry(257, 3, 1, static_cast<uint64_t>(H));
    entry(258, 3, C, C == 2 ? static_cast<uint64_t>(bits * 65537) : bits_at), entry(259, 3, 1, 1), entry(262, 3, 1, 1);
    entry(273, 4, strips, strips == 1 ? 8 : offsets_at), entry(277, 3, 1, static_cast<uint64_t>(C));
    entry(278, 3, 1, static_cast<uint64_t>(H)), entry(279, 4, strips, strips == 1 ? strip : counts_at);
    entry(284, 3, 1, planes == Planes::apart ? 2 : 1);
    put(bytes, 0, 4);
    return bytes;
}

Image decoded(const std::string& bytes, const DecodeOptions& options) {
    return decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "it", options);
}

int formula(int y, int x, int c) {
    return (y * 41 + x * 13 + c * 57) % 256;
}

class MultiChannel : public ::testing::Test {
  protected:
    void SetUp() override {
        if (!reads_tiff()) GTEST_SKIP() << "built without libtiff";
    }
};

TEST_F(MultiChannel, SamplesAreReadAsTheyAre) {
    for (const Planes planes : {Planes::together, Planes::apart}) {
        for (const int C : {2, 4, 6}) {
            const Image image = decoded(tiff(3, 5, C, 8, planes, formula), {.channels = C});
            ASSERT_EQ(image.C, C);
            const Image deep =
                decoded(tiff(3, 5, C, 16, planes, [](int y, int x, int c) { return 256 * formula(y, x, c) + 77; }),
                        {.channels = C});
            for (int y = 0; y < 3; ++y) {
                for (int x = 0; x < 5; ++x) {
                    for (int c = 0; c < C; ++c) {
                        EXPECT_EQ(image.at(y, x)[c], formula(y, x, c)) << y << " " << x << " " << c;
                        EXPECT_EQ(deep.at(y, x)[c], formula(y, x, c)) << "the high byte";
                    }
                }
            }
        }
    }
}

TEST_F(MultiChannel, OtherNumbersOfChannelsAreNamed) {
    const std::string file = tiff(2, 2, 4, 8, Planes::together, formula);
    EXPECT_EQ(message_of([&] { decoded(file, {.channels = 6}); }),
              "it: the file has 4 channels, --channels asks for 6");
    EXPECT_EQ(message_of([&] { decoded("P6\n1 1\n255\nabc", {.channels = 6}); }),
              "it: a file of 3 channels, --channels asks for 6, which TIFF and .npy files may have");
    EXPECT_EQ(message_of([&] { decoded(file.substr(0, 30), {.channels = 4}); }).substr(0, 30),
              "it: corrupt or truncated TIFF ");
}

TEST(Channels, OneMakesColourGrey) {
    const Image grey = decoded("P6\n2 1\n255\nabcxyz", {.channels = 1});
    EXPECT_EQ(grey.C, 1);
    EXPECT_EQ(grey.pixels, (std::vector<uint8_t>{98, 121}));
}

class PlanesTest : public EachBackend {};
MOCO_FOR_EACH_BACKEND(PlanesTest);

TEST_P(PlanesTest, EachChannelIsTheViewOfAGreyImage) {
    constexpr int64_t kC = 5, kSide = 8, kSize = 6;
    Image image(kSide, kSide, kC);
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37 % 251);
    AugmentParams params;
    params.crop_x = 1, params.crop_y = 2, params.crop_w = 6, params.crop_h = 5;
    params.flip = true, params.blur_sigma = 0.8f;
    params.mean = {0.5f, 9, 9}, params.std = {0.25f, 9, 9};
    const ImageView view = image.view();
    Tensor together = Tensor::empty({2, kSize, kSize, kC}, DType::f32, backend());
    const std::array<ImageView, 2> images = {view, view};
    const std::array<AugmentParams, 2> both = {params, params};
    augment_planes(backend(), images, both, kSize, together.mutable_data());
    backend().await(together.raw(), together.bytes());
    const std::vector<float> all = together.to_vector();
    for (int64_t c = 0; c < kC; ++c) {
        Image plane(kSide, kSide, 1);
        for (size_t i = 0; i < plane.pixels.size(); ++i) {
            plane.pixels[i] = image.pixels[i * kC + static_cast<size_t>(c)];
        }
        const ImageView grey = plane.view();
        Tensor alone = Tensor::empty({1, kSize, kSize, 1}, DType::f32, backend());
        backend().augment({&grey, 1}, {&params, 1}, kSize, alone.mutable_data());
        backend().await(alone.raw(), alone.bytes());
        const std::vector<float> expected = alone.to_vector();
        for (size_t i = 0; i < expected.size(); ++i) {
            EXPECT_EQ(all[i * kC + static_cast<size_t>(c)], expected[i]);
            EXPECT_EQ(all[(expected.size() + i) * kC + static_cast<size_t>(c)], expected[i]) << "of the second image";
        }
    }
}

TEST_F(MultiChannel, AFolderOfThemIsADataSet) {
    const TempFolder folder;
    for (const char* name : {"a/1.tif", "a/2.tif", "b/3.tif"}) {
        std::filesystem::create_directories((folder / name).parent_path());
        std::ofstream(folder / name, std::ios::binary) << tiff(4, 4, 6, 8, Planes::together, formula);
    }
    DataSettings settings;
    settings.spec = "folder:" + folder.path().string();
    settings.channels = 6;
    const Splits data = open_dataset(settings);
    EXPECT_EQ(data.train->info().channels, 6);
    EXPECT_EQ(data.train->load(0).C, 6);
    settings.spec = "shapes:20";
    EXPECT_EQ(message_of([&] { open_dataset(settings); }), "--channels 6: only folders of images have it");
}

TEST(Channels, ColourStepsAreRefusedByName) {
    DataSettings data;
    data.channels = 6;
    ViewSettings views;
    views.aug = "v2";
    EXPECT_EQ(message_of([&] { check_channels(data, views); }),
              "--channels 6: --aug v2 changes brightness, contrast, saturation or hue, which only grey and RGB images "
              "have; --jitter-p 0 leaves that out");
    views.jitter_p = 0;
    EXPECT_EQ(message_of([&] { check_channels(data, views); }),
              "--channels 6: --aug v2 makes some views grey, which only RGB images can be; --grayscale-p 0 leaves that "
              "out");
    views.grayscale_p = 0;
    EXPECT_EQ(message_of([&] { check_channels(data, views); }), "no Error");
}

}  // namespace
}  // namespace moco::testing
