#include "moco/data/png.h"

#include <algorithm>

#include "core/error.h"
#include "moco/data/stb.h"
#include "nn/atomic_file.h"

namespace moco {
namespace {

void append_bytes(void* target, void* bytes, int count) {
    static_cast<std::string*>(target)->append(static_cast<const char*>(bytes), static_cast<size_t>(count));
}

/// The average of the source pixels that fall on pixel (y, x) of an H x W picture of `image`, channel c.
uint8_t averaged(const Image& image, int64_t H, int64_t W, int64_t y, int64_t x, int64_t c) {
    const int64_t top = y * image.H / H, bottom = std::max(top + 1, (y + 1) * image.H / H);
    const int64_t left = x * image.W / W, right = std::max(left + 1, (x + 1) * image.W / W);
    int64_t sum = 0;
    for (int64_t v = top; v < bottom; ++v) {
        for (int64_t u = left; u < right; ++u) sum += image.at(v, u)[image.C == 3 ? c : 0];
    }
    const int64_t count = (bottom - top) * (right - left);
    return static_cast<uint8_t>((sum + count / 2) / count);
}

/// Draws `image` centred in the cell x cell square of `sheet` at (top, left).
void draw_cell(const Image& image, int64_t cell, int64_t top, int64_t left, Image& sheet) {
    const int64_t longer = std::max(image.H, image.W);
    // Whole factors keep every pixel of a small image a square of the same size.
    const int64_t factor = cell / longer;
    const int64_t H = factor > 0 ? image.H * factor : std::max<int64_t>(1, image.H * cell / longer);
    const int64_t W = factor > 0 ? image.W * factor : std::max<int64_t>(1, image.W * cell / longer);
    top += (cell - H) / 2;
    left += (cell - W) / 2;
    for (int64_t y = 0; y < H; ++y) {
        for (int64_t x = 0; x < W; ++x) {
            for (int64_t c = 0; c < 3; ++c) sheet.at(top + y, left + x)[c] = averaged(image, H, W, y, x, c);
        }
    }
}

}  // namespace

void write_png(const std::string& path, const Image& image) {
    check(image.H > 0 && image.W > 0, "{}: an image without pixels cannot be written", path);
    std::string bytes;
    const int written =
        stbi_write_png_to_func(append_bytes, &bytes, static_cast<int>(image.W), static_cast<int>(image.H),
                               static_cast<int>(image.C), image.pixels.data(), static_cast<int>(image.W * image.C));
    check(written != 0, "{}: not enough memory to write a PNG of {} x {} pixels", path, image.W, image.H);
    write_file_atomically(path, bytes);
}

Image shrunk_to_cell(const Image& image, int64_t cell) {
    const int64_t longer = std::max(image.H, image.W);
    if (longer <= cell) return image;
    Image small(std::max<int64_t>(1, image.H * cell / longer), std::max<int64_t>(1, image.W * cell / longer), image.C);
    for (int64_t y = 0; y < small.H; ++y) {
        for (int64_t x = 0; x < small.W; ++x) {
            for (int64_t c = 0; c < image.C; ++c) small.at(y, x)[c] = averaged(image, small.H, small.W, y, x, c);
        }
    }
    return small;
}

Image contact_sheet(std::span<const Image> images, const SheetLayout& layout) {
    check(!images.empty(), "contact_sheet: there are no images to show");
    const int64_t count = static_cast<int64_t>(images.size()), columns = std::min(layout.columns, count);
    const int64_t rows = (count + columns - 1) / columns, step = layout.cell + layout.margin;
    const auto left_of = [&](int64_t column) {
        const int64_t after_lead = column - layout.lead;
        int64_t gaps = layout.lead > 0 && after_lead >= 0 ? 1 : 0;
        if (layout.group > 0 && after_lead > 0) gaps += after_lead / layout.group;
        return layout.margin + column * step + gaps * 3 * layout.margin;
    };
    Image sheet(layout.margin + rows * step, left_of(columns - 1) + step, 3);
    for (size_t i = 0; i < sheet.pixels.size(); ++i) sheet.pixels[i] = layout.background[i % 3];
    for (int64_t i = 0; i < count; ++i) {
        draw_cell(images[static_cast<size_t>(i)], layout.cell, layout.margin + i / columns * step, left_of(i % columns),
                  sheet);
    }
    return sheet;
}

}  // namespace moco
