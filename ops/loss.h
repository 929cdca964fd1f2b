// What a classification loss returns.
#pragma once

#include "core/tensor.h"

namespace moco {

struct Loss {
    Tensor value;    // the mean over the batch: a scalar (shape {}), f32; call value.backward()
    Tensor correct;  // how many rows have their strict maximum at the target: a scalar, f32, outside the graph
};

}  // namespace moco
