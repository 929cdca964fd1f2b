// Reference of batch normalisation.
#pragma once

#include "core/dims.h"
#include "tests/reference/values.h"

namespace moco::testing::reference {

struct BatchNormResult {
    Values y, running_mean, running_var;
};

/// Train mode. residual may be empty.
BatchNormResult batch_norm(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                           const Values& gamma, const Values& beta, const Values& residual, const Values& running_mean,
                           const Values& running_var);

Values batch_norm_inference(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                            const Values& gamma, const Values& beta, const Values& residual, const Values& running_mean,
                            const Values& running_var);

struct BatchNormGradients {
    Values dx, dgamma, dbeta, dresidual;  // dresidual: empty without a residual
};

BatchNormGradients batch_norm_backward(const BatchNormDims& d, const BatchNormOptions& options, const Values& x,
                                       const Values& gamma, const Values& beta, const Values& residual,
                                       const Values& dy);

/// With the running statistics as constants.
BatchNormGradients batch_norm_inference_backward(const BatchNormDims& d, const BatchNormOptions& options,
                                                 const Values& x, const Values& gamma, const Values& beta,
                                                 const Values& residual, const Values& running_mean,
                                                 const Values& running_var, const Values& dy);

}  // namespace moco::testing::reference
