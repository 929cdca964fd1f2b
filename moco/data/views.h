// The picture behind `moco views`: images beside pairs of their augmented views.
#pragma once

#include "core/backend.h"
#include "moco/data/augmentation.h"
#include "moco/data/dataset.h"

namespace moco {

struct ViewsOptions {
    int64_t rows = 8;   // images
    int64_t pairs = 3;  // pairs of views of each, from epochs 0, 1, 2, ...
    int64_t size = 0;   // side of the views; 0: the data set's, or 224
    uint64_t seed = 0;
};

struct ViewsSheet {
    Image picture;
    int64_t images = 0;  // rows of the picture
    bool operator==(const ViewsSheet&) const = default;
};

/// A sheet with one row an image: the image, then `pairs` times query and key as training would see them (without the
/// normalisation). Images come from all parts of the data set, chosen by the seed; unreadable ones are passed over.
ViewsSheet make_views_sheet(const Dataset& dataset, const Recipe& recipe, const ViewsOptions& options,
                            Backend& backend);

}  // namespace moco
