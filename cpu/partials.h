// Partial sums of a reduction, kept apart so that the result does not depend on threads, and added at the end.
#pragma once

#include <cstdint>

namespace moco::cpu {

/// sum = the sum of `count` arrays of `size` floats, in their order. May be the first of them.
void add_partials(const float* partials, int64_t count, int64_t size, float* sum);

}  // namespace moco::cpu
