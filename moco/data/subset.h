// Some images of a data set: those held out from training, those whose labels may be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "moco/data/dataset.h"

namespace moco {

/// The images `indices` of `whole` (each within it), in that order, as a data set whose part is called `part`. Paths
/// and names stay those of `whole`.
DatasetPtr subset(DatasetPtr whole, std::vector<int64_t> indices, std::string part);

/// Indices into one data set, ascending.
struct HeldOut {
    std::vector<int64_t> rest, held;
};

/// Holds out `share` (0 <= share < 1) of the labelled images, of each class the nearest number to its share; images
/// without a label are in neither. Which ones depends on the data set's labels and the seed alone. Throws Error where
/// none is left.
HeldOut hold_out(const Dataset& data, double share, uint64_t seed);

/// How many labelled images of a class are used: a share of them, or a number.
struct LabelShare {
    double percent = 100;  // of each class, if `per_class` is 0
    int64_t per_class = 0;
};

/// "1%", "12.5%", or "20": images a class. Throws Error, naming the flag, for another text.
LabelShare label_share(std::string_view text);

/// Those of `among` (ascending indices of labelled images) whose labels are used: of each class the nearest number to
/// its share, but at least one. Ascending. Depends on labels, `among` and the seed alone. Throws Error, naming the
/// class, where one has fewer images than a number asks for.
std::vector<int64_t> choose_labelled(const Dataset& data, const std::vector<int64_t>& among, const LabelShare& share,
                                     uint64_t seed);

}  // namespace moco
