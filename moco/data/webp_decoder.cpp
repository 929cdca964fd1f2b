#include "moco/data/webp_decoder.h"

#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "core/error.h"

namespace moco {
namespace {

using Bytes = std::span<const uint8_t>;

struct DeleteAnimation {
    void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

Image first_frame(Bytes bytes, const std::string& name, int64_t H, int64_t W) {
    const WebPData data = {bytes.data(), bytes.size()};
    WebPAnimDecoderOptions options;
    WebPAnimDecoderOptionsInit(&options);
    options.color_mode = MODE_RGBA;
    options.use_threads = 0;
    const std::unique_ptr<WebPAnimDecoder, DeleteAnimation> decoder(WebPAnimDecoderNew(&data, &options));
    uint8_t* frame = nullptr;
    int milliseconds = 0;
    check(decoder != nullptr && WebPAnimDecoderGetNext(decoder.get(), &frame, &milliseconds) != 0,
          "{}: corrupt or truncated WebP (its first frame cannot be decoded)", name);
    Image image(H, W, 3);
    for (int64_t i = 0; i < H * W; ++i) std::copy_n(frame + 4 * i, 3, image.at(0, 0) + 3 * i);
    return image;
}

}  // namespace

bool reads_webp() {
    return true;
}

Image decode_webp(Bytes bytes, const std::string& name, const DecodeOptions& options) {
    WebPBitstreamFeatures features;
    check(WebPGetFeatures(bytes.data(), bytes.size(), &features) == VP8_STATUS_OK,
          "{}: corrupt or truncated WebP (its header cannot be read)", name);
    const int64_t W = features.width, H = features.height;
    check_image_size(name, W, H, options);
    if (features.has_animation != 0) return first_frame(bytes, name, H, W);
    Image image(H, W, 3);
    check(WebPDecodeRGBInto(bytes.data(), bytes.size(), image.pixels.data(), image.pixels.size(),
                            static_cast<int>(3 * W)) != nullptr,
          "{}: corrupt or truncated WebP (its pixels cannot be decoded)", name);
    return image;
}

}  // namespace moco
