#include "moco/eval/confusion_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"
#include "moco/eval/bitmap_font.h"
#include "moco/eval/canvas.h"

namespace moco {
namespace {

constexpr Colour kGrey = {0x77, 0x77, 0x77}, kInk = {0x22, 0x22, 0x22}, kGrid = {0xe3, 0xe3, 0xe6},
                 kFrame = {0x99, 0x99, 0x9f}, kWhite = {255, 255, 255};
constexpr int64_t kMargin = 24, kTitle = 84;         // around everything; above the matrix
constexpr int64_t kLegendGap = 28, kLegendBar = 14;  // before the colours' scale; width of one bar

/// Lengths in pixels, by the number of classes.
struct Layout {
    int64_t classes = 0;
    int64_t cell = 0, line = 0;                      // a cell's side; of it, the line between cells
    int64_t scale = 1;                               // of names and counts
    int64_t every = 1;                               // one name in so many
    int64_t left = 0, top = 0;                       // of the matrix
    int64_t side = 0;                                // of the matrix
    int64_t names = 0, right = 0;                    // room for names; for the rows' percentages
    TextDirection columns = TextDirection::upwards;  // of the names below the matrix
    int64_t below = 0;                               // room for them
    int64_t legend = 0;                              // left edge of the colours' scale
    int64_t H = 0, W = 0;

    bool has_room_for_numbers() const { return cell >= 24; }
};

/// The smallest of 1, 2, 5, 10, 20, ... that is at least `least`.
int64_t round_step(int64_t least) {
    for (int64_t ten = 1;; ten *= 10) {
        for (const int64_t digit : {1, 2, 5}) {
            if (digit * ten >= least) return digit * ten;
        }
    }
}

std::string name_of(const ConfusionCaption& caption, int64_t c) {
    return caption.class_names.empty() ? fmt::format("{}", c) : caption.class_names[static_cast<size_t>(c)];
}

Layout layout_of(int64_t classes, const ConfusionCaption& caption) {
    constexpr int64_t kWanted = 800, kMostName = 190, kLineOfText = 11, kScaleWithText = 112;
    Layout l;
    l.classes = classes;
    l.cell = std::clamp<int64_t>(classes <= 10 ? 560 / classes : kWanted / classes, 1, 130);
    if (classes <= 25) l.cell = std::max<int64_t>(l.cell, 34);
    l.line = l.cell >= 12 ? 1 : 0;
    l.scale = l.cell >= 30 ? 2 : 1;
    l.every = round_step((kLineOfText * l.scale + l.cell - 1) / l.cell);
    for (int64_t c = 0; c < classes; c += l.every) {
        l.names = std::max(l.names, text_width(name_of(caption, c), l.scale));
    }
    l.names = std::min(l.names, kMostName);
    if (l.names <= l.every * l.cell - 8) l.columns = TextDirection::across;
    l.below = l.columns == TextDirection::across ? kGlyphHeight * l.scale : l.names;
    l.side = classes * l.cell + l.line;
    l.left = kMargin + 30 + l.names + 8;
    l.top = kMargin + kTitle;
    l.right = l.has_room_for_numbers() ? text_width("% right", l.scale) + 12 : 0;
    l.legend = l.left + l.side + l.right + kLegendGap;
    l.H = l.top + std::max<int64_t>(l.side + 8 + l.below + 30, 240) + kMargin;
    l.W = l.legend + kScaleWithText + kMargin;
    return l;
}

/// Between white and the hue's darkest, by stops that the eye finds evenly spaced.
Colour shade(double share, const std::array<Colour, 4>& hue) {
    const double place = std::sqrt(std::clamp(share, 0.0, 1.0)) * static_cast<double>(hue.size() - 1);
    const size_t from = std::min(static_cast<size_t>(place), hue.size() - 2);
    const double part = place - static_cast<double>(from);
    Colour result;
    for (size_t c = 0; c < 3; ++c) {
        result[c] = static_cast<uint8_t>(std::lround((1 - part) * hue[from][c] + part * hue[from + 1][c]));
    }
    return result;
}

constexpr std::array<Colour, 4> kBlues = {
    {{255, 255, 255}, {0xc4, 0xdc, 0xf0}, {0x5b, 0x9b, 0xd0}, {0x0d, 0x3f, 0x7a}}};
constexpr std::array<Colour, 4> kReds = {{{255, 255, 255}, {0xfb, 0xc8, 0xa2}, {0xe8, 0x66, 0x3c}, {0x7f, 0x0c, 0x0c}}};

Colour readable_on(Colour ground) {
    const int light = 3 * ground[0] + 6 * ground[1] + ground[2];
    return light > 1450 ? kInk : kWhite;
}

void draw_cells(const Layout& l, const ClassificationScores& scores, Canvas& canvas) {
    canvas.rectangle(l.top, l.left, l.side, l.side, l.line > 0 ? kGrid : kWhite);
    for (int64_t row = 0; row < l.classes; ++row) {
        const int64_t images = scores.images_of[static_cast<size_t>(row)];
        for (int64_t column = 0; column < l.classes; ++column) {
            const int64_t count = scores.confusion[static_cast<size_t>(row * l.classes + column)];
            const double share = images > 0 ? static_cast<double>(count) / static_cast<double>(images) : 0;
            const Colour colour = shade(share, row == column ? kBlues : kReds);
            const int64_t y = l.top + row * l.cell, x = l.left + column * l.cell;
            canvas.rectangle(y + l.line, x + l.line, l.cell - l.line, l.cell - l.line, colour);
            if (count == 0 || !l.has_room_for_numbers()) continue;
            const std::string text = fmt::format("{}", count);
            const int64_t scale = text_width(text, l.scale) <= l.cell - 6 ? l.scale : 1;
            if (text_width(text, scale) > l.cell - 3) continue;
            canvas.text(y + (l.cell + l.line) / 2, x + (l.cell + l.line) / 2, text,
                        {scale, readable_on(colour), TextAnchor::middle});
        }
    }
}

void draw_frame(const Layout& l, Canvas& canvas) {
    canvas.rectangle(l.top - 1, l.left - 1, 1, l.side + 2, kFrame);
    canvas.rectangle(l.top + l.side, l.left - 1, 1, l.side + 2, kFrame);
    canvas.rectangle(l.top - 1, l.left - 1, l.side + 2, 1, kFrame);
    canvas.rectangle(l.top - 1, l.left + l.side, l.side + 2, 1, kFrame);
}

void draw_names(const Layout& l, const ConfusionCaption& caption, Canvas& canvas) {
    for (int64_t c = 0; c < l.classes; c += l.every) {
        const std::string name = shortened(name_of(caption, c), l.scale, l.names);
        const int64_t middle = c * l.cell + (l.cell + l.line) / 2;
        canvas.text(l.top + middle, l.left - 8, name, {l.scale, kInk, TextAnchor::end});
        if (l.columns == TextDirection::across) {
            canvas.text(l.top + l.side + 8 + 3 * l.scale, l.left + middle, name, {l.scale, kInk, TextAnchor::middle});
        } else {
            canvas.text(l.top + l.side + 8, l.left + middle, name, {l.scale, kInk, TextAnchor::end, l.columns});
        }
        if (l.every == 1) continue;
        canvas.rectangle(l.top + middle, l.left - 5, 1, 4, kFrame);
        canvas.rectangle(l.top + l.side + 1, l.left + middle, 4, 1, kFrame);
    }
    canvas.text(l.top + l.side / 2, kMargin + 8, "true class", {2, kGrey, TextAnchor::middle, TextDirection::upwards});
    canvas.text(l.top + l.side + 8 + l.below + 22, l.left + l.side / 2, "predicted class",
                {2, kGrey, TextAnchor::middle});
}

/// Beside every row the percentage of its images that is right.
void draw_rows_right(const Layout& l, const ClassificationScores& scores, Canvas& canvas) {
    if (!l.has_room_for_numbers()) return;
    const int64_t edge = l.left + l.side + l.right;
    canvas.text(l.top - 6 - 4 * l.scale, edge, "% right", {l.scale, kGrey, TextAnchor::end});
    for (int64_t c = 0; c < l.classes; ++c) {
        const auto images = static_cast<double>(scores.images_of[static_cast<size_t>(c)]);
        if (images == 0) continue;
        const double right = 100.0 * static_cast<double>(scores.right_of[static_cast<size_t>(c)]) / images;
        canvas.text(l.top + c * l.cell + (l.cell + l.line) / 2, edge, fmt::format("{:.1f}", right),
                    {l.scale, kInk, TextAnchor::end});
    }
}

void draw_legend(const Layout& l, Canvas& canvas) {
    const int64_t length = std::clamp<int64_t>(l.side - 40, 140, 320), top = l.top;
    for (int64_t y = 0; y < length; ++y) {
        const double root = 1 - static_cast<double>(y) / static_cast<double>(length - 1);
        canvas.rectangle(top + y, l.legend, 1, kLegendBar, shade(root * root, kBlues));
        canvas.rectangle(top + y, l.legend + kLegendBar + 4, 1, kLegendBar, shade(root * root, kReds));
    }
    for (const int64_t x : {l.legend, l.legend + kLegendBar + 4}) {
        canvas.rectangle(top - 1, x - 1, 1, kLegendBar + 2, kFrame);
        canvas.rectangle(top + length, x - 1, 1, kLegendBar + 2, kFrame);
        canvas.rectangle(top - 1, x - 1, length + 2, 1, kFrame);
        canvas.rectangle(top - 1, x + kLegendBar, length + 2, 1, kFrame);
    }
    const int64_t beside = l.legend + 2 * kLegendBar + 10;
    for (const int64_t percent : {0, 1, 5, 15, 30, 50, 75, 100}) {
        if (percent == 1 && length < 280) continue;  // too near to 0
        const double root = std::sqrt(static_cast<double>(percent) / 100);
        const int64_t y = top + std::lround((1 - root) * static_cast<double>(length - 1));
        canvas.rectangle(y, beside - 4, 1, 3, kFrame);
        canvas.text(y, beside + 2, fmt::format("{} %", percent), {2, kInk});
    }
    canvas.text(top + length + 22, l.legend - 1, "right", {2, kBlues[3]});
    canvas.text(top + length + 44, l.legend - 1, "mistaken", {2, kReds[3]});
    canvas.text(top + length + 64, l.legend - 1, "shares of a row", {1, kGrey});
}

/// 1234567 as "1,234,567".
std::string grouped(int64_t number) {
    const std::string digits = fmt::format("{}", number);
    std::string text;
    for (size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

}  // namespace

Image confusion_picture(const ClassificationScores& scores, const ConfusionCaption& caption) {
    check(scores.classes >= 1 && scores.classes <= kMostDrawnClasses, "confusion_picture: {} classes, expected 1 to {}",
          scores.classes, kMostDrawnClasses);
    Layout l = layout_of(scores.classes, caption);
    const std::string how_good = fmt::format("top-1 {:.2f} %", scores.top1);
    const std::string more = fmt::format("top-5 {:.2f} %, mean per class {:.2f} %, {} images", scores.top5,
                                         scores.mean_per_class, grouped(scores.images));
    const int64_t left = kMargin, behind = left + text_width(how_good, 3) + 18;
    l.W = std::max(l.W, behind + text_width(more, 2) + kMargin);
    Canvas canvas(l.H, l.W);
    canvas.text(kMargin + 10, left, how_good, {3, kInk});
    canvas.text(kMargin + 13, behind, more, {2, kGrey});
    canvas.text(kMargin + 42, left, shortened(caption.title, 2, l.W - 2 * kMargin), {2, kGrey});
    draw_cells(l, scores, canvas);
    draw_frame(l, canvas);
    draw_names(l, caption, canvas);
    draw_rows_right(l, scores, canvas);
    draw_legend(l, canvas);
    return canvas.image();
}

}  // namespace moco
