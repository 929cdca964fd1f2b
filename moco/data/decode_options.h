// What decoders may be asked to read, and how a claimed size is judged before memory is taken for it.
#pragma once

#include <cstdint>
#include <string>

namespace moco {

/// Where Pillow refuses images as well: larger ones are more often mistakes and attacks than photographs.
inline constexpr int64_t kDefaultMaxPixels = 179'000'000;
/// More than this --max-pixels cannot be: decoders count bytes in 32 bits.
inline constexpr int64_t kMostMaxPixels = 500'000'000;

struct DecodeOptions {
    int64_t max_pixels = kDefaultMaxPixels;  // --max-pixels: images of more are refused

    bool operator==(const DecodeOptions&) const = default;
};

/// Throws Error beginning with `name` unless an image of that size, as a file claims it, may be decoded: it has pixels,
/// and no more than options.max_pixels of them. Sides are below 2^32.
void check_image_size(const std::string& name, int64_t width, int64_t height, const DecodeOptions& options);

}  // namespace moco
