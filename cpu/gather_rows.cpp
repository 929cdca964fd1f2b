// Rows in the order of an index.
#include <algorithm>

#include "core/parallel.h"
#include "cpu/backend_impl.h"
#include "cpu/grain.h"

namespace moco::cpu {

void CpuBackend::gather_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    parallel_for(rows, row_grain(rows, columns), [=](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) std::copy_n(x + index[r] * columns, columns, y + r * columns);
    });
}

}  // namespace moco::cpu
