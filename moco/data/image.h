// An image in host memory, as it comes out of a decoder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/augment.h"

namespace moco {

/// H x W x C bytes, row-major, C = 1 (grey), 3 (RGB) or another number. Owns its pixels; a value type.
struct Image {
    int64_t H = 0, W = 0, C = 0;
    std::vector<uint8_t> pixels;

    Image() = default;
    /// Black pixels.
    Image(int64_t height, int64_t width, int64_t channels)
        : H(height), W(width), C(channels), pixels(static_cast<size_t>(height * width * channels)) {}

    /// Valid as long as this image lives and keeps its size.
    ImageView view() const { return {pixels.data(), H, W, C}; }
    uint8_t* at(int64_t y, int64_t x) { return pixels.data() + (y * W + x) * C; }
    const uint8_t* at(int64_t y, int64_t x) const { return pixels.data() + (y * W + x) * C; }
    bool operator==(const Image&) const = default;
};

/// An RGB image as grey, as Pillow's convert("L") does it.
inline Image grey_of(const Image& colour) {
    Image grey(colour.H, colour.W, 1);
    for (size_t i = 0; i < grey.pixels.size(); ++i) {
        const uint8_t* rgb = colour.pixels.data() + 3 * i;
        grey.pixels[i] = static_cast<uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
    }
    return grey;
}

}  // namespace moco
