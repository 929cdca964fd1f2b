// `shapes`: pictures drawn on the fly, for machines where no data set can be had. Ten classes by shape; colour,
// position, size, rotation and background say nothing about the class.
#pragma once

#include "moco/data/dataset.h"

namespace moco {

inline constexpr int64_t kShapesSide = 32;

/// `count` training images and a tenth of that (at least 10) for testing, always the same: image i of a part comes from
/// Random(0, Purpose::shapes, part, i); its class is i mod 10.
Splits open_shapes(int64_t count);

}  // namespace moco
