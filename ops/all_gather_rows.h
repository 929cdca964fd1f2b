// Rows of all ranks, with gradient.
#pragma once

#include "core/communicator.h"
#include "core/tensor.h"

namespace moco {

/// All ranks' rows in rank order. x: N,C f32, the same N on every rank -> (ranks * N),C. Collective, and so is its
/// backward: every rank must come to both. comm must outlive the graph.
/// Gradient: of the sum of all ranks' losses, so that what a rank's rows did to the others' losses comes home.
/// Throws Error if x is not f32 with two dimensions.
Tensor all_gather_rows(const Tensor& x, Communicator& comm);

}  // namespace moco
