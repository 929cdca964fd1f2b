// What a dictionary holds before any image was seen.
#pragma once

#include <cstdint>

#include "core/random.h"
#include "core/tensor.h"

namespace moco {

/// rows x C: rows of normal(0,1) numbers, L2-normalised. Row i draws from Random(seed, purpose, 0, i).
Tensor random_unit_rows(int64_t rows, int64_t C, uint64_t seed, Purpose purpose, Backend& backend);

}  // namespace moco
