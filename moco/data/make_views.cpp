#include "moco/data/make_views.h"

#include "moco/data/augment_planes.h"

#include "core/error.h"

namespace moco {

ViewBackends::ViewBackends(Backend& augmenting, Backend& training) : augments(augmenting), trains(training) {
    check(&augmenting == &training || augmenting.name() == "cpu",
          "views cannot be made on {} to train on {}; make them on the device that trains or on cpu", augmenting.name(),
          training.name());
}

void make_views(const ViewBackends& backends, std::span<const ImageView> images, std::span<const AugmentParams> params,
                Tensor y) {
    if (&backends.augments == &backends.trains) {
        augment_planes(backends.trains, images, params, y.dim(1), y.mutable_data());
        return;
    }
    // The CPU backend's memory is host memory, and it keeps what this gives back for the next views.
    Tensor views = Tensor::empty(y.shape(), DType::f32, backends.augments);
    augment_planes(backends.augments, images, params, y.dim(1), views.mutable_data());
    backends.trains.upload(y.mutable_data(), views.data(), views.bytes());
}

}  // namespace moco
