// Augmented views in double, from their definition: no plan, no order of sums, no vectors.
#pragma once

#include "core/augment.h"
#include "tests/reference/values.h"

namespace moco::testing::reference {

/// One view, size x size x C.
Values augment(const ImageView& image, const AugmentParams& params, int64_t size);

}  // namespace moco::testing::reference
