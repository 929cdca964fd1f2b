// The convolutions of the contract: which type and algorithm computes which shape.
#include "cpu/backend_impl.h"
#include "cpu/conv2d_bf16.h"
#include "cpu/conv2d_direct.h"
#include "cpu/strassen.h"
#include "cpu/winograd.h"

namespace moco::cpu {
namespace {

const float* floats(const void* elements) {
    return static_cast<const float*>(elements);
}
const uint16_t* halves(const void* elements) {
    return static_cast<const uint16_t*>(elements);
}

}  // namespace

void CpuBackend::set_conv_algorithm(ConvAlgorithm algorithm) {
    conv_algorithm_ = algorithm;
}

void CpuBackend::conv2d_forward(const Conv2dDims& d, const void* x, const float* weight, void* y) {
    if (d.dtype == DType::bf16) {
        conv2d_forward_bf16(d, halves(x), weight, static_cast<uint16_t*>(y), conv_algorithm_);
    } else if (winograd_wanted(conv_algorithm_, d, ConvPass::forward)) {
        winograd_forward(d, floats(x), weight, static_cast<float*>(y));
    } else if (strassen_wanted(conv_algorithm_, d, ConvPass::forward)) {
        strassen_forward(d, floats(x), weight, static_cast<float*>(y));
    } else {
        direct_forward(d, floats(x), weight, static_cast<float*>(y));
    }
}

void CpuBackend::conv2d_backward_data(const Conv2dDims& d, const void* dy, const float* weight, void* dx) {
    if (d.dtype == DType::bf16) {
        conv2d_backward_data_bf16(d, halves(dy), weight, static_cast<uint16_t*>(dx), conv_algorithm_);
    } else if (winograd_wanted(conv_algorithm_, d, ConvPass::backward_data)) {
        winograd_backward_data(d, floats(dy), weight, static_cast<float*>(dx));
    } else if (strassen_wanted(conv_algorithm_, d, ConvPass::backward_data)) {
        strassen_backward_data(d, floats(dy), weight, static_cast<float*>(dx));
    } else {
        direct_backward_data(d, floats(dy), weight, static_cast<float*>(dx));
    }
}

void CpuBackend::conv2d_backward_weight(const Conv2dDims& d, const void* x, const void* dy, float* dweight) {
    if (d.dtype == DType::bf16) {
        conv2d_backward_weight_bf16(d, halves(x), halves(dy), dweight, conv_algorithm_);
    } else if (winograd_wanted(conv_algorithm_, d, ConvPass::backward_weight)) {
        winograd_backward_weight(d, floats(x), floats(dy), dweight);
    } else {
        direct_backward_weight(d, floats(x), floats(dy), dweight);
    }
}

}  // namespace moco::cpu
