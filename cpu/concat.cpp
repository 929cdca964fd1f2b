// Two matrices side by side.
#include <algorithm>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::concat_columns_forward(const float* a, const float* b, float* y, int64_t rows, int64_t ca,
                                        int64_t cb) {
    for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(a + r * ca, ca, y + r * (ca + cb));
        std::copy_n(b + r * cb, cb, y + r * (ca + cb) + ca);
    }
}

void CpuBackend::concat_columns_backward(const float* dy, float* da, float* db, int64_t rows, int64_t ca, int64_t cb) {
    for (int64_t r = 0; r < rows; ++r) {
        if (da != nullptr) std::copy_n(dy + r * (ca + cb), ca, da + r * ca);
        if (db != nullptr) std::copy_n(dy + r * (ca + cb) + ca, cb, db + r * cb);
    }
}

}  // namespace moco::cpu
