// Stands for webp_decoder.cpp where libwebp was not found.
#include "core/error.h"
#include "moco/data/webp_decoder.h"

namespace moco {

bool reads_webp() {
    return false;
}

Image decode_webp(std::span<const uint8_t> /*bytes*/, const std::string& name, const DecodeOptions& /*options*/) {
    fail(
        "{}: a WebP file, and this program was built without libwebp; build it with the package libwebp-dev "
        "installed, or convert the file to JPEG or PNG",
        name);
}

}  // namespace moco
