// Work that runs at the processor's limits, so that a benchmark can say how far from them a kernel is.
#pragma once

namespace moco::cpu {

/// Multiplies and adds f32 between registers on all threads, in the vectors of best_target(). Returns how many
/// floating-point operations that were; they take some ten milliseconds.
double multiply_add_for_a_while();

}  // namespace moco::cpu
