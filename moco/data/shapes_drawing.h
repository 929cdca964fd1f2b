// Drawing one picture of `shapes`.
#pragma once

#include <string>
#include <vector>

#include "core/random.h"
#include "moco/data/image.h"

namespace moco {

/// "disc", "ring", ...: the classes in order.
const std::vector<std::string>& shape_names();

/// One antialiased shape of class `label` on a background; everything but the class is drawn from `random`.
/// side x side RGB.
Image draw_shape(int64_t label, int64_t side, Random& random);

}  // namespace moco
