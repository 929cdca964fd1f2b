#include "moco/data/decode_options.h"

#include "core/error.h"

namespace moco {

void check_image_size(const std::string& name, int64_t width, int64_t height, const DecodeOptions& options) {
    check(width > 0 && height > 0, "{}: an image of {} x {} has no pixels", name, width, height);
    const uint64_t pixels = static_cast<uint64_t>(width) * static_cast<uint64_t>(height);
    check(pixels <= static_cast<uint64_t>(options.max_pixels),
          "{}: the image of {} x {} has {} pixels, more than --max-pixels {}", name, width, height, pixels,
          options.max_pixels);
}

}  // namespace moco
