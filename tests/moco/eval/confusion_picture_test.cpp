// The picture of a confusion matrix: its cells have the colours of their shares, and it has room for what it names.
#include "moco/eval/confusion_picture.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "moco/eval/bitmap_font.h"
#include "moco/eval/canvas.h"
#include "tests/support/expect_error.h"

namespace moco::testing {
namespace {

/// Images of every class: a hundred, of which `right` are right and the others taken for the next class.
ClassificationScores with_right(int64_t classes, int64_t right) {
    ClassificationTally tally(classes);
    for (int64_t c = 0; c < classes; ++c) {
        for (int64_t i = 0; i < 100; ++i) {
            tally.add(c, i < right ? c : (c + 1) % classes, i < right ? 0 : 1);
        }
    }
    return tally.scores();
}

/// How many pixels have each colour.
std::map<Colour, int64_t> colours_of(const Image& image) {
    std::map<Colour, int64_t> colours;
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
        ++colours[{image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]}];
    }
    return colours;
}

/// The colour that is neither grey nor white of which there is most.
Colour main_colour(const Image& image) {
    Colour best{};
    int64_t most = 0;
    for (const auto& [colour, count] : colours_of(image)) {
        const bool grey = std::abs(colour[0] - colour[1]) < 8 && std::abs(colour[1] - colour[2]) < 8;
        if (!grey && count > most) best = colour, most = count;
    }
    return best;
}

/// The mean brightness of what is blue.
double brightness_of_blues(const Image& image) {
    double sum = 0;
    int64_t pixels = 0;
    for (const auto& [colour, count] : colours_of(image)) {
        if (colour[2] < colour[0] + 20) continue;
        sum += static_cast<double>(count) * (colour[0] + colour[1] + colour[2]);
        pixels += count;
    }
    return sum / static_cast<double>(pixels);
}

TEST(ConfusionPicture, WhatIsRightIsBlueAndWhatIsMistakenRed) {
    for (const int64_t classes : {2, 10, 40, 100}) {
        SCOPED_TRACE(classes);
        const Image right = confusion_picture(with_right(classes, 100), {"", {}});
        EXPECT_GT(main_colour(right)[2], main_colour(right)[0] + 60);
        const Colour mistaken = main_colour(confusion_picture(with_right(classes, 0), {"", {}}));
        EXPECT_GT(mistaken[0], mistaken[2] + 60);
        const Image half = confusion_picture(with_right(classes, 50), {"", {}});
        EXPECT_GT(brightness_of_blues(half), brightness_of_blues(right) + 10) << "a smaller share is lighter";
    }
}

TEST(ConfusionPicture, IsOfASizeThatOneLooksAtAndGrowsOnlyWithTheClassesBeyond) {
    for (const int64_t classes : {1, 2, 3, 10, 25, 26, 50, 100, 200, 500, 799}) {
        SCOPED_TRACE(classes);
        const Image image = confusion_picture(with_right(classes, 80), {"a title", {}});
        EXPECT_GE(std::min(image.H, image.W), 240);
        EXPECT_LE(std::max(image.H, image.W), 1300);
    }
    EXPECT_GE(confusion_picture(with_right(1200, 80), {"", {}}).W, 1200);
    const ClassificationScores many = ClassificationTally(kMostDrawnClasses + 1).scores();
    expect_error([&] { confusion_picture(many, {"", {}}); }, {"2001 classes", "2000"});
}

TEST(ConfusionPicture, NamesAndTitleAreInIt) {
    const ClassificationScores scores = with_right(3, 80);
    const Image cats = confusion_picture(scores, {"a", {"cat", "dog", "rat"}});
    EXPECT_NE(cats, confusion_picture(scores, {"a", {"cat", "dog", "bat"}}));
    EXPECT_NE(cats, confusion_picture(scores, {"b", {"cat", "dog", "rat"}}));
    EXPECT_EQ(cats, confusion_picture(scores, {"a", {"cat", "dog", "rat"}}));
    const std::string endless(5000, 'x');
    const Image long_names = confusion_picture(scores, {endless, {endless, "dog", endless}});
    EXPECT_LE(long_names.W, 1300) << "long names are cut";
}

TEST(BitmapFont, EveryCharacterIsDrawnAndDifferent) {
    std::set<std::string> drawn;
    for (char c = 0x21; c < 0x7f; ++c) {
        for (const int64_t scale : {1, 2, 3}) {
            const InkedText text = inked(std::string(1, c), scale);
            EXPECT_EQ(text.H, kGlyphHeight * scale);
            EXPECT_EQ(text.W, text_width(std::string(1, c), scale));
            EXPECT_LE(text.W, kGlyphWidth * scale);
            int64_t ink = 0;
            for (const uint8_t value : text.ink) ink += value;
            EXPECT_GT(ink, (scale == 1 ? 254 : 150) * scale * scale) << c << ": less than a dot";
            if (scale == 2) {
                const bool is_new = drawn.emplace(text.ink.begin(), text.ink.end()).second;
                EXPECT_TRUE(is_new || c == 'O') << c << " looks like another that is not 0";
            }
        }
    }
}

TEST(BitmapFont, AtScaleOneItsDotsAreDrawnAsTheyAre) {
    const InkedText text = inked("L", 1);
    ASSERT_EQ(text.W, 5);
    for (int64_t y = 0; y < 9; ++y) {
        for (int64_t x = 0; x < 5; ++x) {
            const int ink = text.ink[static_cast<size_t>(y * 5 + x)];
            EXPECT_EQ(ink, y < 7 && (x == 0 || y == 6) ? 255 : 0) << y << " " << x;
        }
    }
}

TEST(BitmapFont, OtherScriptsAreOneBoxACharacter) {
    EXPECT_EQ(text_width("\xc3\xa9", 1), 5) << "two bytes, one character";
    EXPECT_EQ(inked("\xe7\x8c\xab\n", 2).ink, inked("\xc3\xa9\t", 2).ink);
    EXPECT_EQ(text_width("", 3), 0);
    EXPECT_EQ(shortened("short", 1, 100), "short");
    EXPECT_EQ(shortened("a name too long for its place", 1, 50), "a name t..");
    EXPECT_LE(text_width(shortened("a name too long for its place", 2, 90), 2), 90);
}

TEST(Canvas, WhatLiesOutsideIsNotDrawn) {
    Canvas canvas(10, 12);
    canvas.rectangle(-3, 8, 5, 50, {1, 2, 3});
    EXPECT_EQ(canvas.image().at(1, 11)[2], 3);
    EXPECT_EQ(canvas.image().at(2, 11)[2], 255);
    EXPECT_EQ(canvas.image().at(1, 7)[0], 255);
    canvas.text(5, -4, "wide and long", {2});
    canvas.text(-2, 5, "upwards", {2, {0, 0, 0}, TextAnchor::middle, TextDirection::upwards});
}

}  // namespace
}  // namespace moco::testing
