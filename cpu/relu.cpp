// ReLU.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::relu_forward(const float* x, float* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] > 0 ? x[i] : 0;
}

void CpuBackend::relu_backward(const float* y, const float* dy, float* dx, int64_t count) {
    for (int64_t i = 0; i < count; ++i) dx[i] = y[i] > 0 ? dy[i] : 0;
}

}  // namespace moco::cpu
