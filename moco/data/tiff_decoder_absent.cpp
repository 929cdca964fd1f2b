// Stands for tiff_decoder.cpp where libtiff was not found (4.5 or newer).
#include "core/error.h"
#include "moco/data/tiff_decoder.h"

namespace moco {

bool reads_tiff() {
    return false;
}

Image decode_tiff(std::span<const uint8_t> /*bytes*/, const std::string& name, const DecodeOptions& /*options*/) {
    fail(
        "{}: a TIFF file, and this program was built without libtiff 4.5; build it with the package libtiff-dev "
        "installed, or convert the file to JPEG or PNG",
        name);
}

Image decode_tiff_samples(std::span<const uint8_t> /*bytes*/, const std::string& name,
                          const DecodeOptions& /*options*/) {
    fail(
        "{}: a TIFF file, and this program was built without libtiff 4.5; build it with the package libtiff-dev "
        "installed, or convert the file to JPEG or PNG",
        name);
}

}  // namespace moco
