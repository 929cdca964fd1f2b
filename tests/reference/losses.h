// Reference of cross-entropy and InfoNCE.
#pragma once

#include "core/dims.h"
#include "tests/reference/values.h"

namespace moco::testing::reference {

struct LossResult {
    double value = 0;    // the mean over the rows
    double correct = 0;  // rows whose strict maximum is the target
};

LossResult cross_entropy(const CrossEntropyDims& d, const Values& logits, const std::vector<int64_t>& targets);
Values cross_entropy_backward(const CrossEntropyDims& d, const Values& logits, const std::vector<int64_t>& targets,
                              double dvalue);

/// The literal composition: row_dot, matmul, concat, scale, cross-entropy with class 0.
LossResult info_nce(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue);

struct InfoNceGradients {
    Values dq, dk, dqueue;
};

InfoNceGradients info_nce_backward(const InfoNceDims& d, const Values& q, const Values& k, const Values& queue,
                                   double dvalue);

}  // namespace moco::testing::reference
