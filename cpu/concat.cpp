// Two matrices side by side.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"

namespace moco::cpu {

void CpuBackend::concat_columns_forward(const float* a, const float* b, float* y, int64_t rows, int64_t ca,
                                        int64_t cb) {
    const int64_t columns = ca + cb;
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            std::copy_n(a + r * ca, ca, y + r * columns);
            std::copy_n(b + r * cb, cb, y + r * columns + ca);
        }
    });
}

void CpuBackend::concat_columns_backward(const float* dy, float* da, float* db, int64_t rows, int64_t ca, int64_t cb) {
    const int64_t columns = ca + cb;
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            if (da != nullptr) std::copy_n(dy + r * columns, ca, da + r * ca);
            if (db != nullptr) std::copy_n(dy + r * columns + ca, cb, db + r * cb);
        }
    });
}

}  // namespace moco::cpu
