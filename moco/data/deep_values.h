// Bytes from the 16-bit values of an image.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "moco/data/decode_options.h"

namespace moco {

/// Of one image. Without --depth-range the high bytes are kept and the range of the values is taken note of.
class DeepValues {
  public:
    explicit DeepValues(const DecodeOptions& options) : options_(options) {}

    /// value: 0..65535.
    uint8_t byte_of(int64_t value) {
        if (options_.depth_range) {
            const auto [low, high] = *options_.depth_range;
            const int64_t span = high - low;
            return static_cast<uint8_t>((std::clamp<int64_t>(value - low, 0, span) * 255 + span / 2) / span);
        }
        least_ = std::min(least_, value);
        most_ = std::max(most_, value);
        return static_cast<uint8_t>(value >> 8);
    }

    /// Once the image `name` is whole: tells options.notes of a range that leaves it nearly black. An image of zeros is
    /// black as it should be.
    void finish(const std::string& name) const {
        constexpr int64_t kNarrow = 16384;
        if (options_.notes && most_ > 0 && most_ < kNarrow) options_.notes->narrow_depth(name, least_, most_);
    }

  private:
    const DecodeOptions& options_;
    int64_t least_ = 65535, most_ = 0;
};

}  // namespace moco
