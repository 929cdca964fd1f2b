// Rows in the order of an index.
#include <algorithm>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::gather_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) std::copy_n(x + index[r] * columns, columns, y + r * columns);
}

}  // namespace moco::cpu
