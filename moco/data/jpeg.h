// JPEG through libjpeg-turbo.
#pragma once

#include <span>
#include <string>

#include "moco/data/dataset.h"
#include "moco/data/decode_options.h"

namespace moco {

/// Whether the bytes start as a JPEG does.
bool is_jpeg(std::span<const uint8_t> bytes);

/// Decodes to RGB at the scale that `choose` asks for: the inverse DCT makes blocks of 1..8 pixels, so a smaller image
/// costs less. Grey, RGB, YCbCr, CMYK and YCCK (as Adobe writes them: inverted), baseline and progressive. Throws Error
/// beginning with `name` when the data are corrupt or end early. Thread-safe.
ScaledImage decode_jpeg(std::span<const uint8_t> bytes, const std::string& name, const ScaleChooser& choose,
                        const DecodeOptions& options);

}  // namespace moco
