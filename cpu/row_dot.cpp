// Dot products of corresponding rows.
#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::row_dot_forward(const float* a, const float* b, float* dot, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < columns; ++c) sum += double(a[r * columns + c]) * b[r * columns + c];
        dot[r] = static_cast<float>(sum);
    }
}

void CpuBackend::row_dot_backward(const float* a, const float* b, const float* ddot, float* da, float* db, int64_t rows,
                                  int64_t columns) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c) {
            if (da != nullptr) da[r * columns + c] = ddot[r] * b[r * columns + c];
            if (db != nullptr) db[r * columns + c] = ddot[r] * a[r * columns + c];
        }
}

}  // namespace moco::cpu
