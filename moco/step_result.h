// What a training step reports.
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "ops/loss.h"

namespace moco {

/// The tensors stay on the device until somebody asks.
struct StepResult {
    Tensor loss;          // scalar, outside the graph: the mean over the batch, summed over the parts
    Tensor correct;       // scalar: how many rows of the loss have their strict maximum at the target
    int64_t queries = 0;  // rows of the loss, of this rank; correct / queries is the accuracy
    int64_t parts = 1;    // loss / parts is the batch's

    /// Adds a part's.
    void add(const Loss& part);
};

/// a + b; b alone where there is no a.
Loss sum(const Loss& a, const Loss& b);

}  // namespace moco
