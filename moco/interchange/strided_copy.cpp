#include "moco/interchange/strided_copy.h"

#include <cstring>

namespace moco {
namespace {

/// Extents of 1 may have any stride.
bool is_row_major(const StridedView& view) {
    const std::vector<int64_t> dense = row_major_strides(view.shape);
    for (size_t i = 0; i < dense.size(); ++i) {
        if (view.shape[i] != 1 && view.strides[i] != dense[i]) return false;
    }
    return true;
}

int64_t count_of(const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    return count;
}

}  // namespace

std::vector<int64_t> row_major_strides(const std::vector<int64_t>& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    return strides;
}

std::vector<int64_t> column_major_strides(const std::vector<int64_t>& shape) {
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = 1; i < shape.size(); ++i) strides[i] = strides[i - 1] * shape[i - 1];
    return strides;
}

void copy_strided(const StridedView& from, void* to) {
    const int64_t count = count_of(from.shape);
    if (count == 0) return;
    const size_t bytes = from.element_bytes;
    if (is_row_major(from)) {
        std::memcpy(to, from.elements, static_cast<size_t>(count) * bytes);
        return;
    }
    auto* target = static_cast<uint8_t*>(to);
    std::vector<int64_t> index(from.shape.size(), 0);
    int64_t place = 0;
    for (int64_t n = 0; n < count; ++n, target += bytes) {
        std::memcpy(target, from.elements + static_cast<size_t>(place) * bytes, bytes);
        for (size_t i = index.size(); i-- > 0;) {
            place += from.strides[i];
            if (++index[i] < from.shape[i]) break;
            place -= index[i] * from.strides[i];
            index[i] = 0;
        }
    }
}

}  // namespace moco
