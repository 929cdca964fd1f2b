// Rows to the places that an index names: in order, so that the last of equal indices stays.
#include <algorithm>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::scatter_rows(const float* x, const int64_t* index, float* y, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) std::copy_n(x + r * columns, columns, y + index[r] * columns);
}

}  // namespace moco::cpu
