// Settings: the encoder.
#pragma once

#include <string>

#include "moco/train/settings/table.h"
#include "nn/encoder.h"

namespace moco {

struct EncoderSettings {
    std::string arch = "resnet50";      // one of encoder_names()
    int64_t width = 64;                 // channels of the first stage
    std::string stem = "imagenet";      // imagenet (7x7 stride 2, max-pool), cifar (3x3), cifar-s2 (3x3 stride 2)
    std::string stem_init = "kaiming";  // of the stem convolution: kaiming (normal, fan-out), uniform (1/sqrt(fan-in))

    bool operator==(const EncoderSettings&) const = default;
};

/// `heading`: of the rows' group in --help.
void add_rows(SettingTable& table, EncoderSettings& encoder, std::string_view heading);
/// Throws Error, one sentence naming the flags, for what cannot work with images of that size.
void validate(const EncoderSettings& encoder, int64_t image_size);
/// Throws Error unless batch norm's statistics have two values at least: `images` are normalised together.
void check_statistics(const EncoderSettings& encoder, int64_t image_size, int64_t images);
/// What the settings describe. Throws Error for unknown names.
EncoderConfig encoder_config(const EncoderSettings& encoder, int64_t in_channels);

}  // namespace moco
