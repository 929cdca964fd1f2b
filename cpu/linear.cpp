// What a linear layer needs beside the product: the bias, and the bias's gradient.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::add_bias(const float* x, const float* bias, float* y, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = x[r * columns + c] + bias[c];
}

void CpuBackend::sum_rows(const float* x, float* sum, int64_t rows, int64_t columns) {
    for (int64_t c = 0; c < columns; ++c) {
        double total = 0;
        for (int64_t r = 0; r < rows; ++r) total += x[r * columns + c];
        sum[c] = static_cast<float>(total);
    }
}

}  // namespace moco::cpu
