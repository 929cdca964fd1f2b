// Pictures: what is written can be read, sheets lie as laid out.
#include "moco/data/png.h"

#include <gtest/gtest.h>

#include "moco/data/decode.h"
#include "moco/data/shapes.h"
#include "moco/data/views.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

Image read_png(const std::string& path) {
    const std::string bytes = read_bytes(path);
    return decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, path);
}

TEST(Png, WhatIsWrittenCanBeRead) {
    TempFolder folder;
    const Image image = formula_image(13, 29, 3, 4), grey = formula_image(5, 4, 1, 4);
    write_png(folder / "a.png", image);
    EXPECT_EQ(read_png(folder / "a.png"), image);
    write_png(folder / "a.png", grey);
    const Image back = read_png(folder / "a.png");
    for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(back.at(0, i)[2], grey.at(0, i)[0]);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
    expect_error([&] { write_png(folder / "no/such/folder.png", image); }, {"no/such/folder.png"});
}

TEST(ContactSheet, SmallImagesAreMagnifiedLargeOnesAveraged) {
    Image small(2, 2, 1), large(8, 4, 3);
    small.pixels = {10, 20, 30, 40};
    for (size_t i = 0; i < large.pixels.size(); ++i) large.pixels[i] = i % 2 == 0 ? 100 : 102;
    SheetLayout layout;
    layout.columns = 2;
    layout.cell = 4;
    layout.margin = 1;
    layout.background = {7, 8, 9};
    const Image sheet = contact_sheet(std::vector<Image>{small, large, small}, layout);
    EXPECT_EQ(sheet.H, 11);
    EXPECT_EQ(sheet.W, 11);
    EXPECT_EQ(sheet.at(0, 0)[0], 7);
    EXPECT_EQ(sheet.at(0, 0)[2], 9);
    for (int64_t y = 0; y < 4; ++y) {
        for (int64_t x = 0; x < 4; ++x) {
            EXPECT_EQ(sheet.at(1 + y, 1 + x)[0], 10 + 20 * (y / 2) + 10 * (x / 2));
            // 8 x 4 shrinks to 4 x 2, centred in its cell.
            EXPECT_EQ(sheet.at(1 + y, 6 + x)[0], x == 1 || x == 2 ? 101 : 7) << y << " " << x;
        }
    }
    EXPECT_EQ(sheet.at(6, 6)[0], 7);
    expect_error([&] { contact_sheet({}, layout); }, {"no images"});
}

TEST(ContactSheet, AnImageShrunkBeforeLooksTheSame) {
    SheetLayout layout;
    layout.cell = 16;
    for (const int64_t C : {1, 3}) {
        const Image image = formula_image(53, 91, C, 5), small = shrunk_to_cell(image, 16);
        EXPECT_EQ(small.W, 16);
        EXPECT_EQ(contact_sheet(std::vector<Image>{small}, layout), contact_sheet(std::vector<Image>{image}, layout));
    }
    EXPECT_EQ(shrunk_to_cell(formula_image(5, 4, 3, 4), 16), formula_image(5, 4, 3, 4));
}

class Views : public EachBackend {};

TEST_P(Views, ASheetShowsEachImageBesideItsViews) {
    const auto data = std::make_shared<FlawedDataset>(open_shapes(30).train, std::set<int64_t>{0, 1, 2, 3, 4, 5, 6});
    ViewsOptions options;
    options.rows = 3;
    options.pairs = 2;
    const ViewsSheet whole = make_views_sheet(*data, recipe_named("v2"), options, backend());
    const Image& sheet = whole.picture;
    EXPECT_EQ(whole.images, 3);
    // 32 pixels are shown as 128; 5 columns, two wider gaps, 3 rows.
    EXPECT_EQ(sheet.W, 4 + 5 * 132 + 2 * 12);
    EXPECT_EQ(sheet.H, 4 + 3 * 132);
    // The first column holds images of the data set as they are.
    int found = 0;
    for (int64_t row = 0; row < 3; ++row) {
        for (int64_t i = 7; i < 30; ++i) {
            const Image image = data->load(i);
            bool same = true;
            for (int64_t y = 0; y < 32; ++y) {
                for (int64_t x = 0; x < 32; ++x) {
                    same &= std::equal(image.at(y, x), image.at(y, x) + 3, sheet.at(4 + row * 132 + 4 * y, 4 + 4 * x));
                }
            }
            found += same;
        }
    }
    EXPECT_EQ(found, 3);
    EXPECT_EQ(make_views_sheet(*data, recipe_named("v2"), options, backend()), whole);
    options.seed = 1;
    EXPECT_NE(make_views_sheet(*data, recipe_named("v2"), options, backend()), whole);
}

TEST_P(Views, ASheetCountsTheImagesThatThereAre) {
    const FlawedDataset data(open_shapes(3).train, {1});
    EXPECT_EQ(make_views_sheet(data, recipe_named("v2"), {}, backend()).images, 2);
}

TEST_P(Views, NoReadableImageIsOneError) {
    std::set<int64_t> all;
    for (int64_t i = 0; i < 10; ++i) all.insert(i);
    const FlawedDataset data(open_shapes(10).train, all);
    expect_error([&] { make_views_sheet(data, recipe_named("v1"), {}, backend()); }, {"shapes", "damaged"});
}

MOCO_FOR_EACH_BACKEND(Views);

}  // namespace
}  // namespace moco::testing
