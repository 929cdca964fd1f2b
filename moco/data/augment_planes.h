// Views of images with any number of channels, by a backend that knows grey and RGB.
#pragma once

#include <span>

#include "core/backend.h"

namespace moco {

/// Backend::augment; images of other than 1 or 3 channels go through it channel by channel, as grey images with the
/// same draws (no colour step), and take two copies more. mean and std: entry 0 of the params', for every channel. y:
/// as Backend::augment takes it; later calls see it after await. Any thread.
void augment_planes(Backend& backend, std::span<const ImageView> images, std::span<const AugmentParams> params,
                    int64_t size, float* y);

}  // namespace moco
