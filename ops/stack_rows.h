// Rows of several tensors, one after another.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace moco {

/// The rows of parts[0], then those of parts[1], ... parts: at least one, of one type and alike but for their rows ->
/// like them, with all rows. Without gradient (it collects keys, which take none): throws Error if a part wants one, or
/// if shapes, types or devices do not fit. A single part is returned as it is.
Tensor stack_rows(const std::vector<Tensor>& parts);

}  // namespace moco
