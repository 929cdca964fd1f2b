// Images and views for the tests of moco/data.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"
#include "moco/data/image.h"
#include "tests/support/values.h"

namespace moco::testing {

/// The image that tests/golden/augment.py makes of the same numbers: noise, or only four levels a channel.
inline Image formula_image(int64_t H, int64_t W, int64_t C, uint32_t salt, bool levels = false) {
    const std::vector<float> values = formula_values(H * W * C, salt);
    Image image(H, W, C);
    for (size_t i = 0; i < values.size(); ++i) {
        const auto byte = static_cast<uint8_t>((values[i] + 1) * 127.99f);
        image.pixels[i] = levels ? static_cast<uint8_t>(byte / 64 * 85) : byte;
    }
    return image;
}

/// One view, size x size x C.
inline std::vector<float> augmented(const Image& image, const AugmentParams& params, int64_t size, Backend& backend) {
    Tensor view = Tensor::empty({1, size, size, image.C}, DType::f32, backend);
    const ImageView source = image.view();
    backend.augment({&source, 1}, {&params, 1}, size, view.mutable_data());
    return view.to_vector();
}

}  // namespace moco::testing
