// Where views are made: on the backend that trains, or on the processor, from where they go up to it.
#pragma once

#include <span>

#include "core/backend.h"
#include "core/tensor.h"

namespace moco {

/// One backend makes the views, one trains on them; often it is one and the same. Both outlive whoever holds this.
struct ViewBackends {
    ViewBackends(Backend& both) : augments(both), trains(both) {}  // NOLINT: a backend stands for both
    /// Throws Error unless they are the same or views made by `augmenting` lie in host memory.
    ViewBackends(Backend& augmenting, Backend& training);

    Backend& augments;
    Backend& trains;
};

/// Fills y (N x size x size x C, memory of backends.trains) with a view of each of N images, beside the computing:
/// later calls of that backend see them after its await. Any thread. The images may go when this returns.
void make_views(const ViewBackends& backends, std::span<const ImageView> images, std::span<const AugmentParams> params,
                Tensor y);

}  // namespace moco
