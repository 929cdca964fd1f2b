// The parts of the contract that have a default: fused operations composed of their parts.
#include "core/backend.h"

namespace moco {

void Backend::conv_bn_forward(const Conv2dDims& d, const BatchNormDims& b, const BatchNormOptions& options,
                              const float* x, const float* weight, const float* gamma, const float* beta,
                              const float* residual, float* running_mean, float* running_var, float* z, float* mean,
                              float* inv_std, float* y) {
    conv2d_forward(d, x, weight, z);
    batch_norm_forward(b, options, z, gamma, beta, residual, running_mean, running_var, mean, inv_std, y);
}

void Backend::conv_bn_backward(const Conv2dDims& d, const BatchNormDims& b, const float* x, const float* weight,
                               const float* z, const float* y, const float* gamma, const float* mean,
                               const float* inv_std, const float* dy, float* dz, float* dx, float* dweight,
                               float* dgamma, float* dbeta, float* dresidual) {
    batch_norm_backward(b, z, y, gamma, mean, inv_std, dy, dz, dgamma, dbeta, dresidual);
    if (dweight) conv2d_backward_weight(d, x, dz, dweight);
    if (dx) conv2d_backward_data(d, dz, weight, dx);
}

}  // namespace moco
