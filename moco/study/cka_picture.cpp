#include "moco/study/cka_picture.h"

#include <algorithm>
#include <cmath>

#include "moco/eval/bitmap_font.h"
#include "moco/eval/canvas.h"

namespace moco {
namespace {

constexpr Colour kInk = {0x22, 0x22, 0x22}, kGrey = {0x77, 0x77, 0x77}, kFrame = {0x99, 0x99, 0x9f},
                 kUnknown = {0xd0, 0xd0, 0xd0}, kWhite = {255, 255, 255};
constexpr int64_t kMargin = 20, kTitle = 56, kGap = 10;  // around all; above the matrix; between networks
constexpr int64_t kLegendBar = 18, kLegendText = 60;

/// Light to dark by steps that the eye finds evenly spaced (matplotlib's magma, reversed, without its blackest part).
constexpr std::array<Colour, 6> kStops = {{{0xfc, 0xfd, 0xbf},
                                           {0xfe, 0xbb, 0x81},
                                           {0xf7, 0x70, 0x5c},
                                           {0xb7, 0x37, 0x79},
                                           {0x63, 0x1a, 0x80},
                                           {0x18, 0x0f, 0x3d}}};

/// Lengths in pixels.
struct Layout {
    std::vector<std::string> layers;  // of all networks
    std::vector<int64_t> offsets;     // of each layer's cells from the matrix's edge
    std::vector<int64_t> begins;      // of each network's cells, and the end
    int64_t cell = 0, scale = 1, every = 1;
    int64_t names = 0;  // room for a layer's name
    int64_t left = 0, top = 0, side = 0, legend = 0, H = 0, W = 0;
};

Layout layout_of(const LayerSimilarity& similarity) {
    constexpr int64_t kWanted = 760;
    Layout l;
    for (const auto& of_one : similarity.layers) l.layers.insert(l.layers.end(), of_one.begin(), of_one.end());
    const int64_t count = std::ssize(l.layers);
    l.cell = std::clamp<int64_t>(kWanted / count, 2, 38);
    l.scale = l.cell >= 20 ? 2 : 1;
    l.every = (kGlyphHeight * l.scale + 2 + l.cell - 1) / l.cell;
    int64_t offset = 0;
    for (size_t i = 0; i < similarity.layers.size(); ++i) {
        if (i > 0) offset += kGap;
        l.begins.push_back(offset);
        for (const std::string& name : similarity.layers[i]) {
            l.offsets.push_back(offset);
            l.names = std::max(l.names, text_width(name, l.scale));
            offset += l.cell;
        }
    }
    l.side = offset;
    l.begins.push_back(l.side + kGap);
    l.left = kMargin + 30 + l.names + 8;
    l.top = kMargin + kTitle;
    l.legend = l.left + l.side + 26;
    l.H = l.top + std::max<int64_t>(l.side, 120) + 8 + l.names + 34 + kMargin;
    l.W = l.legend + kLegendBar + kLegendText + kMargin;
    return l;
}

Colour readable_on(Colour ground) {
    return 3 * ground[0] + 6 * ground[1] + ground[2] > 1450 ? kInk : kWhite;
}

void draw_cells(const Layout& l, const std::vector<double>& cka, Canvas& canvas) {
    const size_t count = l.layers.size();
    for (size_t row = 0; row < count; ++row) {
        for (size_t column = 0; column < count; ++column) {
            const double value = cka[row * count + column];
            const Colour colour = cka_colour(value);
            const int64_t y = l.top + l.offsets[row], x = l.left + l.offsets[column];
            canvas.rectangle(y, x, l.cell, l.cell, colour);
            if (l.cell < 30 || std::isnan(value)) continue;
            canvas.text(y + l.cell / 2, x + l.cell / 2, fmt::format("{:.2f}", value),
                        {1, readable_on(colour), TextAnchor::middle});
        }
    }
}

void draw_layer_names(const Layout& l, Canvas& canvas) {
    for (size_t i = 0; i + 1 < l.begins.size(); ++i) {
        int64_t since = 0;  // layers since the last one that was named, within the network
        for (size_t n = 0; n < l.layers.size(); ++n) {
            if (l.offsets[n] < l.begins[i] || l.offsets[n] >= l.begins[i + 1]) continue;
            if (since++ % l.every != 0) continue;
            const int64_t middle = l.offsets[n] + l.cell / 2;
            canvas.text(l.top + middle, l.left - 8, l.layers[n], {l.scale, kInk, TextAnchor::end});
            canvas.text(l.top + l.side + 8, l.left + middle, l.layers[n],
                        {l.scale, kInk, TextAnchor::end, TextDirection::upwards});
        }
    }
}

void draw_network_names(const Layout& l, const std::vector<std::string>& names, Canvas& canvas) {
    for (size_t i = 0; i < names.size(); ++i) {
        const int64_t room = l.begins[i + 1] - kGap - l.begins[i], middle = l.begins[i] + room / 2;
        const std::string name = shortened(names[i], 2, room);
        canvas.text(l.top + middle, kMargin + 8, name, {2, kGrey, TextAnchor::middle, TextDirection::upwards});
        canvas.text(l.top + l.side + 8 + l.names + 24, l.left + middle, name, {2, kGrey, TextAnchor::middle});
    }
}

void draw_legend(const Layout& l, Canvas& canvas) {
    const int64_t length = std::clamp<int64_t>(l.side, 120, 320);
    for (int64_t y = 0; y < length; ++y) {
        const double value = 1 - static_cast<double>(y) / static_cast<double>(length - 1);
        canvas.rectangle(l.top + y, l.legend, 1, kLegendBar, cka_colour(value));
    }
    for (int64_t fifth = 0; fifth <= 5; ++fifth) {
        const int64_t y = l.top + (5 - fifth) * (length - 1) / 5;
        canvas.rectangle(y, l.legend + kLegendBar, 1, 4, kFrame);
        canvas.text(y, l.legend + kLegendBar + 8, fmt::format("{:.1f}", static_cast<double>(fifth) / 5), {2, kInk});
    }
}

}  // namespace

std::array<uint8_t, 3> cka_colour(double value) {
    if (std::isnan(value)) return kUnknown;
    const double place = std::clamp(value, 0.0, 1.0) * static_cast<double>(kStops.size() - 1);
    const size_t from = std::min(static_cast<size_t>(place), kStops.size() - 2);
    const double part = place - static_cast<double>(from);
    Colour result;
    for (size_t c = 0; c < 3; ++c) {
        result[c] = static_cast<uint8_t>(std::lround((1 - part) * kStops[from][c] + part * kStops[from + 1][c]));
    }
    return result;
}

Image cka_picture(const LayerSimilarity& similarity, const std::vector<std::string>& names, const std::string& title) {
    Layout l = layout_of(similarity);
    const std::string head = "linear CKA of all layers";
    l.W = std::max(l.W, text_width(head, 2) + 2 * kMargin);
    Canvas canvas(l.H, l.W);
    canvas.text(kMargin + 6, kMargin, head, {2, kInk});
    canvas.text(kMargin + 30, kMargin, shortened(title, 1, l.W - 2 * kMargin), {1, kGrey});
    draw_cells(l, similarity.cka, canvas);
    draw_layer_names(l, canvas);
    draw_network_names(l, names, canvas);
    draw_legend(l, canvas);
    return canvas.image();
}

}  // namespace moco
