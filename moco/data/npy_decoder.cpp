#include "moco/data/npy_decoder.h"

#include <cstring>

#include "core/error.h"
#include "moco/data/deep_values.h"
#include "nn/npy_header.h"
#include "nn/tensor_file.h"

namespace moco {
namespace {

/// Of an array as an image: its sizes, and how many elements lie between two neighbours along each.
struct Layout {
    int64_t H = 0, W = 0, C = 0;
    int64_t of_row = 0, of_column = 0, of_channel = 0;
};

std::string kind_of(const NpyHeader& array) {
    if (array.descr.empty()) return "records";
    return array.descr.starts_with("|O") ? "Python objects" : fmt::format("type {}", array.descr);
}

/// Bytes of an element; 0 for types that no image has.
int64_t width_of(const NpyHeader& array) {
    return array.descr == "|u1" ? 1 : array.descr == "<u2" ? 2 : array.descr == "<f4" ? 4 : 0;
}

void check_channels(const NpyHeader& array, const std::string& name, int64_t C, const DecodeOptions& options) {
    const bool colours = is_of_colours(options);
    if (colours ? C == 1 || C == 3 : C == options.channels) return;
    const std::string expected = colours ? "expected 1 or 3" : fmt::format("--channels asks for {}", options.channels);
    const int64_t first = array.shape.front();
    const bool seem_first = array.shape.size() == 3 && (colours ? first == 1 || first == 3 : first == options.channels);
    const std::string advice = colours && C >= 2 && C <= kMostChannels
                                   ? fmt::format("; --channels {} takes them as they are", C)
                               : seem_first ? "; channels come last here: numpy.moveaxis(array, 0, -1)"
                                            : "";
    fail("{}: the array of shape {} has {} channels, {}{}", name, shape_text(array.shape), C, expected, advice);
}

/// Sides are below 2^32 and pixels as many as are allowed, so that no product overflows.
Layout layout_of(const NpyHeader& array, const std::string& name, const DecodeOptions& options) {
    const std::vector<int64_t>& shape = array.shape;
    check(shape.size() == 2 || shape.size() == 3, "{}: an array of shape {}, expected H x W or H x W x C", name,
          shape_text(shape));
    Layout a;
    a.H = shape[0], a.W = shape[1], a.C = shape.size() == 3 ? shape[2] : 1;
    check_channels(array, name, a.C, options);
    check(width_of(array) > 0, "{}: an array of {} and shape {}, expected uint8, uint16 or float32, little-endian",
          name, kind_of(array), shape_text(shape));
    constexpr int64_t kTooLong = int64_t{1} << 32;
    check(a.H < kTooLong && a.W < kTooLong, "{}: an array of shape {} is too large for an image", name,
          shape_text(shape));
    check_image_size(name, a.W, a.H, options);
    a.of_row = array.column_major ? 1 : a.W * a.C;
    a.of_column = array.column_major ? a.H : a.C;
    a.of_channel = array.column_major ? a.H * a.W : 1;
    const auto bytes = static_cast<uint64_t>(a.H * a.W * a.C * width_of(array));
    check(array.elements.size() >= bytes,
          "{}: truncated: an array of shape {} and type {} takes {} bytes, {} are there", name, shape_text(shape),
          array.descr, bytes, array.elements.size());
    return a;
}

/// Every value as `to_byte` makes it one.
template <typename Value, typename ToByte>
void fill(Image& image, const uint8_t* elements, const Layout& a, const ToByte& to_byte) {
    for (int64_t y = 0; y < a.H; ++y) {
        for (int64_t x = 0; x < a.W; ++x) {
            for (int64_t c = 0; c < image.C; ++c) {
                const int64_t at = y * a.of_row + x * a.of_column + c * a.of_channel;
                Value value = 0;
                std::memcpy(&value, elements + static_cast<size_t>(at) * sizeof(Value), sizeof(Value));
                image.at(y, x)[c] = to_byte(value);
            }
        }
    }
}

}  // namespace

Image decode_npy(std::span<const uint8_t> bytes, const std::string& name, const DecodeOptions& options) {
    const NpyHeader array = read_npy_header(bytes, name);
    Layout layout = layout_of(array, name, options);
    const bool grey_as_rgb = is_of_colours(options) && layout.C == 1;
    if (grey_as_rgb) layout.of_channel = 0;
    Image image(layout.H, layout.W, grey_as_rgb ? 3 : layout.C);
    const uint8_t* elements = array.elements.data();
    if (array.descr == "|u1") {
        fill<uint8_t>(image, elements, layout, [](uint8_t value) { return value; });
    } else if (array.descr == "<u2") {
        DeepValues deep(options);
        fill<uint16_t>(image, elements, layout, [&](uint16_t value) { return deep.byte_of(value); });
        deep.finish(name);
    } else {
        fill<float>(image, elements, layout, [&](float value) {
            check(value >= 0 && value <= 1,
                  "{}: the f32 array holds the value {}, expected 0 to 1, which become 0 to 255: divide all images by "
                  "the same number, or save uint16 and give --depth-range",
                  name, value);
            return static_cast<uint8_t>(255 * value + 0.5f);
        });
    }
    return image;
}

}  // namespace moco
