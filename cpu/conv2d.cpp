// The convolutions of the contract: which algorithm computes which shape.
#include "cpu/backend_impl.h"
#include "cpu/conv2d_direct.h"
#include "cpu/winograd.h"

namespace moco::cpu {
namespace {

/// By the shape alone, so that the same run gives the same bits everywhere on one instruction set.
bool use_winograd(ConvAlgorithm algorithm, const Conv2dDims& d, ConvPass pass) {
    switch (algorithm) {
        case ConvAlgorithm::direct:
            return false;
        case ConvAlgorithm::winograd:
            return winograd_applies(d);
        case ConvAlgorithm::auto_select:
            return winograd_preferred(d, pass);
    }
    return false;
}

}  // namespace

void CpuBackend::set_conv_algorithm(ConvAlgorithm algorithm) {
    conv_algorithm_ = algorithm;
}

void CpuBackend::conv2d_forward(const Conv2dDims& d, const float* x, const float* weight, float* y) {
    if (use_winograd(conv_algorithm_, d, ConvPass::forward)) {
        winograd_forward(d, x, weight, y);
    } else {
        direct_forward(d, x, weight, y);
    }
}

void CpuBackend::conv2d_backward_data(const Conv2dDims& d, const float* dy, const float* weight, float* dx) {
    if (use_winograd(conv_algorithm_, d, ConvPass::backward_data)) {
        winograd_backward_data(d, dy, weight, dx);
    } else {
        direct_backward_data(d, dy, weight, dx);
    }
}

void CpuBackend::conv2d_backward_weight(const Conv2dDims& d, const float* x, const float* dy, float* dweight) {
    if (use_winograd(conv_algorithm_, d, ConvPass::backward_weight)) {
        winograd_backward_weight(d, x, dy, dweight);
    } else {
        direct_backward_weight(d, x, dy, dweight);
    }
}

}  // namespace moco::cpu
