// Sums and multiples of whole tensors.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::add_forward(const float* a, const float* b, float* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

void CpuBackend::accumulate(const float* x, float* sum, int64_t count) {
    for (int64_t i = 0; i < count; ++i) sum[i] += x[i];
}

void CpuBackend::scale(const float* x, float factor, float* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = factor * x[i];
}

}  // namespace moco::cpu
