// How cuDNN computes one convolution: what it is told about it, the algorithm, and the workspace that this needs.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "cuda/conv2d_choices.h"
#include "cuda/cudnn.h"

namespace moco::cuda {

struct ConvPlan {
    TensorDescriptor x, y;
    FilterDescriptor weight;
    ConvolutionDescriptor how;
    int algorithm = 0;  // in the pass's enum
    size_t workspace_bytes = 0;
};

/// An algorithm that cuDNN offers, as far as it matters here.
struct ConvCandidate {
    ConvChoice choice;
    size_t workspace_bytes = 0;
    bool deterministic = true;
};

/// The first of `candidates` (best first) that `key` allows: deterministic, of its precision, for `direct` a plain sum
/// of products, for `winograd` Winograd's where there is one, and of at most `workspace_limit` bytes; where none is so
/// small, the smallest. Nothing if none is allowed.
std::optional<ConvChoice> choose(std::span<const ConvCandidate> candidates, const ConvKey& key, size_t workspace_limit);

/// The plan for `key` by the algorithm in `choices`, or by one that is chosen now and added there. Throws Error, naming
/// the shapes, where cuDNN has none.
ConvPlan make_plan(cudnnHandle_t handle, const ConvKey& key, ConvChoices& choices);

}  // namespace moco::cuda
