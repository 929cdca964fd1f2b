// Mean over the pixels of each sample and channel.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::global_avg_pool_forward(const float* x, float* y, int64_t N, int64_t HW, int64_t C) {
    for (int64_t n = 0; n < N; ++n)
        for (int64_t c = 0; c < C; ++c) {
            double sum = 0;
            for (int64_t p = 0; p < HW; ++p) sum += x[(n * HW + p) * C + c];
            y[n * C + c] = static_cast<float>(sum / static_cast<double>(HW));
        }
}

void CpuBackend::global_avg_pool_backward(const float* dy, float* dx, int64_t N, int64_t HW, int64_t C) {
    for (int64_t n = 0; n < N; ++n)
        for (int64_t p = 0; p < HW; ++p)
            for (int64_t c = 0; c < C; ++c) dx[(n * HW + p) * C + c] = dy[n * C + c] / static_cast<float>(HW);
}

}  // namespace moco::cpu
