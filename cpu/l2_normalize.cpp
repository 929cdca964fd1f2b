// Rows of unit length.
#include <algorithm>
#include <cmath>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::l2_normalize_forward(const float* x, float* y, float* norm, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) {
        double squares = 0;
        for (int64_t c = 0; c < columns; ++c) squares += double(x[r * columns + c]) * x[r * columns + c];
        norm[r] = static_cast<float>(std::max(std::sqrt(squares), 1e-12));
        for (int64_t c = 0; c < columns; ++c) y[r * columns + c] = x[r * columns + c] / norm[r];
    }
}

void CpuBackend::l2_normalize_backward(const float* y, const float* norm, const float* dy, float* dx, int64_t rows,
                                       int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) {
        double dot = 0;
        for (int64_t c = 0; c < columns; ++c) dot += double(y[r * columns + c]) * dy[r * columns + c];
        for (int64_t c = 0; c < columns; ++c)
            dx[r * columns + c] = static_cast<float>((dy[r * columns + c] - dot * y[r * columns + c]) / norm[r]);
    }
}

}  // namespace moco::cpu
