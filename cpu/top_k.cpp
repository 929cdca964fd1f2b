// The k largest scores of each row.
#include <algorithm>
#include <numeric>
#include <vector>

#include "cpu/backend_impl.h"

namespace moco::cpu {

void CpuBackend::top_k(const float* scores, float* values, int64_t* indices, int64_t rows, int64_t columns, int64_t k) {
    std::vector<int64_t> order(static_cast<size_t>(columns));
    for (int64_t r = 0; r < rows; ++r) {
        const float* row = scores + r * columns;
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(),
                          [row](int64_t a, int64_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
        for (int64_t i = 0; i < k; ++i) {
            indices[r * k + i] = order[static_cast<size_t>(i)];
            values[r * k + i] = row[order[static_cast<size_t>(i)]];
        }
    }
}

}  // namespace moco::cpu
