// Do two networks find the same images alike?
#pragma once

#include <cstdint>

#include "moco/eval/knn.h"

namespace moco {

/// The mean over queries of the share of the first k neighbours that both have, 0 to 1. Both searches are for the same
/// queries in the same bank, for at least k >= 1 neighbours. By chance it would be k / bank.
double neighbour_overlap(const Neighbours& a, const Neighbours& b, int64_t k);

}  // namespace moco
