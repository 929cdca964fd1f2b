// libFuzzer's way into the decoders of images, ours and the borders to libjpeg, libpng, libwebp, libtiff and stb:
// whatever the bytes are, they become an image or an Error.
#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "moco/data/decode.h"

namespace {

constexpr int64_t kMostPixels = 1 << 18;  // larger ones only take longer

void decode(std::span<const uint8_t> bytes, moco::DecodeOptions options) {
    options.max_pixels = kMostPixels;
    try {
        const moco::Image image = moco::decode_image(bytes, "image", options);
        const int64_t channels = options.channels == 0 ? 3 : options.channels;
        const auto expected = static_cast<size_t>(image.H * image.W * channels);
        if (image.H * image.W > kMostPixels || image.pixels.size() != expected) std::abort();
    } catch (const moco::Error&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    decode({bytes, size}, {});
    moco::DecodeOptions upright;
    upright.exif = moco::Exif::honour;
    upright.depth_range = moco::DepthRange{0, 4095};
    decode({bytes, size}, upright);
    moco::DecodeOptions deep;
    deep.channels = 5;
    decode({bytes, size}, deep);
    return 0;
}
