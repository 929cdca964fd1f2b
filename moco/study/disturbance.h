// The augmentations one at a time: what features should not feel.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "moco/data/loader.h"

namespace moco {

enum class Disturbance { crop, flip, jitter, grayscale, blur };

std::string_view name_of(Disturbance disturbance);

/// Those that change images with so many channels: colours cannot be taken from grey ones.
std::vector<Disturbance> disturbances_of(int64_t channels);

/// The evaluation's view with one step of MoCo v2's augmentation (recipe v2), always, by its own draws: what an image
/// gets depends on the seed and its index alone, so that all networks see the same. crop: in place of the transform's.
ViewChange disturbed_by(Disturbance disturbance, uint64_t seed);

}  // namespace moco
